import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import type { EntrypointInfo } from "./function-protocol.ts";

type Exports = Readonly<Record<string, unknown>>;
type Methods = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/** Most that are told of; more methods than these cannot be called by name. */
const MAX_ENTRYPOINTS = 100;
const MAX_METHODS = 200;
/** Called by the runtime, or of the language. */
const NOT_CALLED = new Set(["constructor", "then", "toJSON", "toString", "valueOf", "hasOwnProperty", "isPrototypeOf"]);
/** Of an object, by the runtime alone. */
const NOT_CALLED_OF_OBJECTS = new Set(["alarm", "connect", "webSocketMessage", "webSocketClose", "webSocketError"]);

/** What the code exports, as far as it can be called. */
export function describeExports(exported: Exports): EntrypointInfo[] {
  return Object.keys(exported)
    .slice(0, MAX_ENTRYPOINTS)
    .flatMap((name) => describeOne(name, exported[name]));
}

function describeOne(name: string, value: unknown): EntrypointInfo[] {
  if (isClassOf(value, DurableObject)) {
    return [{ name, kind: "durable", methods: methodsOf(value.prototype).filter((method) => !NOT_CALLED_OF_OBJECTS.has(method)) }];
  }
  if (isClassOf(value, WorkerEntrypoint)) return [{ name, kind: "worker", methods: methodsOf(value.prototype) }];
  // Functions that a module exports for its own tests are not for callers: the default one is.
  if (typeof value === "function") return name === "default" ? [{ name, kind: "function", methods: [] }] : [];
  if (typeof value !== "object" || value === null) return [];
  const methods = Object.keys(value).filter((key) => typeof (value as Methods)[key] === "function" && !NOT_CALLED.has(key));
  return methods.length > 0 ? [{ name, kind: "worker", methods: methods.slice(0, MAX_METHODS) }] : [];
}

function isClassOf(value: unknown, base: unknown): value is { new (ctx: unknown, env: unknown): object; prototype: object } {
  return typeof value === "function" && typeof base === "function" && value.prototype instanceof (base as new () => object);
}

/** Those on its prototypes, as RPC has them: not what an instance has of its own. */
function methodsOf(prototype: object): string[] {
  const names = new Set<string>();
  for (
    let at: object = prototype;
    at !== WorkerEntrypoint.prototype && at !== DurableObject.prototype;
    at = Object.getPrototypeOf(at) as object
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function" && !NOT_CALLED.has(name)) names.add(name);
    }
    if (at === Object.prototype) break;
  }
  return [...names].slice(0, MAX_METHODS);
}

/** One export, ready to be called. */
export interface Entrypoint {
  readonly kind: "function" | "worker";
  readonly main: (...args: unknown[]) => unknown;
  /** Undefined when there is no such method. */
  method(name: string): ((...args: unknown[]) => unknown) | undefined;
}

/** @throws TypeError when it cannot be called */
export function entrypointOf(exported: Exports, name: string, ctx: unknown, env: unknown): Entrypoint {
  const value = Object.hasOwn(exported, name) ? exported[name] : undefined;
  const [info] = describeOne(name, value);
  if (!info || info.kind === "durable") throw new TypeError(`There is no entrypoint "${name}"`);
  if (info.kind === "function") {
    return { kind: "function", main: value as Entrypoint["main"], method: () => undefined };
  }
  const isClass = typeof value === "function";
  const target = (isClass ? new (value as Class)(ctx, env) : value) as Methods;
  return callable(info, target);
}

type Class = new (ctx: unknown, env: unknown) => object;

/** An object of a class, made once for the calls to come. @throws TypeError when there is no such class */
export function objectOf(exported: Exports, name: string, ctx: unknown, env: unknown): Entrypoint {
  const value = Object.hasOwn(exported, name) ? exported[name] : undefined;
  const [info] = describeOne(name, value);
  if (info?.kind !== "durable") throw new TypeError(`There is no class "${name}" that extends DurableObject`);
  return callable(info, new (value as Class)(ctx, env) as Methods);
}

function callable({ name, methods }: EntrypointInfo, target: Methods): Entrypoint {
  return {
    kind: "worker",
    main: () => {
      throw new TypeError(`The entrypoint "${name}" is not a function`);
    },
    method: (method) => {
      if (!methods.includes(method)) return undefined;
      return (...args) => target[method]?.(...args);
    },
  };
}
