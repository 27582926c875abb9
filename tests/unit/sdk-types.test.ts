import { describe, expectTypeOf, it } from "vitest";
import type {
  AuthService,
  Collection,
  DbService,
  Entity,
  Execution,
  ExecutionAnswer,
  ExecutionEvent,
  GatewayService,
  GenericService,
  QueueService,
  ScheduleService,
  ServiceName,
  Services,
  Session,
} from "../../sdk/src/index.ts";
import type { authDefinition } from "../../workers/core-services/auth/schema.ts";
import type { dbDefinition } from "../../workers/core-services/db/schema.ts";
import type { gatewayDefinition } from "../../workers/core-services/gateway/schema.ts";
import type { queueDefinition } from "../../workers/core-services/queue/schema.ts";
import type { scheduleDefinition } from "../../workers/core-services/schedule/schema.ts";
import type { Implementation } from "../../workers/core-services/shared/method.ts";

// Checked by the compiler (`pnpm typecheck`); nothing here can fail when it runs.

type Defined = Implementation<typeof dbDefinition>;
type MethodName = keyof Defined;

/** Arguments as the service gets them: a caller's optional ones are there, as undefined. */
type AllArguments<F extends (...args: never[]) => unknown> = Boxed<Parameters<F>>;
type Boxed<T extends readonly unknown[]> = { [K in keyof T]-?: [T[K]] };

describe("the types of db", () => {
  it("have the methods of its definition", () => {
    expectTypeOf<keyof DbService>().toEqualTypeOf<MethodName | "collection">();
  });

  it("have its parameters and results", () => {
    expectTypeOf<{ [K in MethodName]: AllArguments<DbService[K]> }>().toEqualTypeOf<{ [K in MethodName]: AllArguments<Defined[K]> }>();
    expectTypeOf<{ [K in MethodName]: ReturnType<DbService[K]> }>().toEqualTypeOf<{ [K in MethodName]: ReturnType<Defined[K]> }>();
  });
});

describe("the types of auth", () => {
  type Auth = Implementation<typeof authDefinition>;

  it("have the methods of its definition", () => {
    expectTypeOf<keyof AuthService>().toEqualTypeOf<keyof Auth>();
  });

  it("have its parameters", () => {
    expectTypeOf<{ [K in keyof Auth]: AllArguments<AuthService[K]> }>().toEqualTypeOf<{ [K in keyof Auth]: AllArguments<Auth[K]> }>();
  });

  it("have its results", () => {
    // The definition's whoami names each limit; the SDK's own type of it does, too, in another way.
    expectTypeOf<{ [K in Exclude<keyof Auth, "whoami">]: ReturnType<AuthService[K]> }>().toEqualTypeOf<{
      [K in Exclude<keyof Auth, "whoami">]: ReturnType<Auth[K]>;
    }>();
  });
});

describe("the types of gateway", () => {
  type Gateway = Implementation<typeof gatewayDefinition>;

  it("have the methods, parameters and results of its definition", () => {
    expectTypeOf<keyof GatewayService>().toEqualTypeOf<keyof Gateway | "function" | "object">();
    expectTypeOf<{ [K in keyof Gateway]: AllArguments<GatewayService[K]> }>().toEqualTypeOf<{
      [K in keyof Gateway]: AllArguments<Gateway[K]>;
    }>();
    expectTypeOf<{ [K in keyof Gateway]: ReturnType<GatewayService[K]> }>().toEqualTypeOf<{
      [K in keyof Gateway]: ReturnType<Gateway[K]>;
    }>();
  });
});

describe("the types of schedule", () => {
  type Schedule = Implementation<typeof scheduleDefinition>;

  it("have the methods of its definition", () => {
    expectTypeOf<keyof ScheduleService>().toEqualTypeOf<keyof Schedule>();
  });

  it("have its results, and take what it takes", () => {
    type Results<S extends Record<keyof Schedule, (...args: never[]) => unknown>> = { [K in keyof Schedule]: Awaited<ReturnType<S[K]>> };
    type Fits = Results<Schedule> extends Results<{ [K in keyof Schedule]: ScheduleService[K] }> ? true : false;
    expectTypeOf<Fits>().toEqualTypeOf<true>();
    // A time that is sent may be a Date or a number; what arrives is text.
    expectTypeOf<{ [K in keyof Schedule]: Parameters<Schedule[K]> }>().toExtend<{
      [K in keyof ScheduleService]: Required<Parameters<ScheduleService[K]>> extends infer P ? { [I in keyof P]: P[I] | undefined } : never;
    }>();
  });
});

describe("the types of queue", () => {
  type Queue = Implementation<typeof queueDefinition>;

  it("have the methods of its definition, its parameters and results", () => {
    expectTypeOf<keyof QueueService>().toEqualTypeOf<keyof Queue>();
    // What has a default may be left out by who calls, and is there for who implements.
    expectTypeOf<{ [K in Exclude<keyof Queue, "create" | "update">]: AllArguments<QueueService[K]> }>().toExtend<{
      [K in Exclude<keyof Queue, "create" | "update">]: AllArguments<Queue[K]>;
    }>();
    expectTypeOf<{ [K in keyof Queue]: ReturnType<Queue[K]> }>().toExtend<{ [K in keyof Queue]: ReturnType<QueueService[K]> }>();
  });
});

/** The methods whose first parameter is the collection. */
type OfCollection = {
  [K in MethodName]: (typeof dbDefinition)["methods"][K]["params"] extends readonly [readonly ["collection", unknown], ...unknown[]]
    ? K
    : never;
}[MethodName];

describe("a collection's handle", () => {
  it("has the methods that take a collection, without it", () => {
    expectTypeOf<keyof Collection>().toEqualTypeOf<OfCollection>();
    expectTypeOf<{ [K in OfCollection]: [name: string, ...Parameters<Collection[K]>] }>().toExtend<{
      [K in OfCollection]: Parameters<DbService[K]>;
    }>();
  });

  it("has the type of its documents", () => {
    interface User {
      name: string;
      age?: number;
    }
    type Users = Collection<User>;
    expectTypeOf<Awaited<ReturnType<Users["get"]>>>().toEqualTypeOf<Entity<User> | null>();
    expectTypeOf<Users["insert"]>().parameter(0).toEqualTypeOf<User>();
    expectTypeOf<Users["patch"]>().parameter(1).toEqualTypeOf<{ name?: string | null; age?: number | null }>();
  });
});

describe("a session", () => {
  it("has the eight services, those that are built with types and the others without", () => {
    expectTypeOf<keyof Services>().toEqualTypeOf<ServiceName>();
    expectTypeOf<Session["db"]>().toEqualTypeOf<DbService>();
    expectTypeOf<Session["auth"]>().toEqualTypeOf<AuthService>();
    expectTypeOf<Session["schedule"]>().toEqualTypeOf<ScheduleService>();
    expectTypeOf<Session["queue"]>().toEqualTypeOf<QueueService>();
    expectTypeOf<Session["email"]>().toEqualTypeOf<GenericService>();
  });

  it("gives an execution that is awaited and iterated", () => {
    expectTypeOf<ReturnType<Session["execute"]>>().toEqualTypeOf<Execution>();
    expectTypeOf<Awaited<Execution>>().toEqualTypeOf<ExecutionAnswer>();
    expectTypeOf<Execution>().toExtend<AsyncIterable<ExecutionEvent>>();
  });
});
