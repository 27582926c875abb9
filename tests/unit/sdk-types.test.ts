import { describe, expectTypeOf, it } from "vitest";
import type {
  AuthService,
  DbService,
  Execution,
  ExecutionAnswer,
  ExecutionEvent,
  GenericService,
  ServiceName,
  Services,
  Session,
} from "../../sdk/src/index.ts";
import type { authDefinition } from "../../workers/core-services/auth/schema.ts";
import type { dbDefinition } from "../../workers/core-services/db/schema.ts";
import type { Implementation } from "../../workers/core-services/shared/method.ts";

// Checked by the compiler (`pnpm typecheck`); nothing here can fail when it runs.

type Defined = Implementation<typeof dbDefinition>;
type MethodName = keyof Defined;

/** Arguments as the service gets them: a caller's optional ones are there, as undefined. */
type AllArguments<F extends (...args: never[]) => unknown> = Boxed<Parameters<F>>;
type Boxed<T extends readonly unknown[]> = { [K in keyof T]-?: [T[K]] };

describe("the types of db", () => {
  it("have the methods of its definition", () => {
    expectTypeOf<keyof DbService>().toEqualTypeOf<MethodName>();
  });

  it("have its parameters and results", () => {
    expectTypeOf<AllArguments<DbService["get"]>>().toEqualTypeOf<AllArguments<Defined["get"]>>();
    expectTypeOf<AllArguments<DbService["list"]>>().toEqualTypeOf<AllArguments<Defined["list"]>>();
    expectTypeOf<AllArguments<DbService["upsert"]>>().toEqualTypeOf<AllArguments<Defined["upsert"]>>();
    expectTypeOf<AllArguments<DbService["delete"]>>().toEqualTypeOf<AllArguments<Defined["delete"]>>();
    expectTypeOf<AllArguments<DbService["query"]>>().toEqualTypeOf<AllArguments<Defined["query"]>>();
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

describe("a session", () => {
  it("has the eight services, db and auth with types and the others without", () => {
    expectTypeOf<keyof Services>().toEqualTypeOf<ServiceName>();
    expectTypeOf<Session["db"]>().toEqualTypeOf<DbService>();
    expectTypeOf<Session["auth"]>().toEqualTypeOf<AuthService>();
    expectTypeOf<Session["queue"]>().toEqualTypeOf<GenericService>();
  });

  it("gives an execution that is awaited and iterated", () => {
    expectTypeOf<ReturnType<Session["execute"]>>().toEqualTypeOf<Execution>();
    expectTypeOf<Awaited<Execution>>().toEqualTypeOf<ExecutionAnswer>();
    expectTypeOf<Execution>().toExtend<AsyncIterable<ExecutionEvent>>();
  });
});
