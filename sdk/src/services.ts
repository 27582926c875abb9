import type { AuthService } from "./auth.ts";
import type { DbService } from "./db.ts";
import type { CallOptions, GatewayService, ObjectOptions } from "./gateway.ts";
import type { ScheduleService } from "./schedule.ts";
import type { QueueService } from "./queue.ts";
import type { Transport } from "./transport.ts";
import { SERVICES, type ServiceName } from "./types.ts";

/** A service whose methods have no types here yet. The server checks names and arguments. */
export type GenericService = Record<string, (...params: readonly unknown[]) => Promise<unknown>>;

/** The services that have types of their own; each of the others is a GenericService. */
interface TypedServices {
  auth: AuthService;
  db: DbService;
  gateway: GatewayService;
  schedule: ScheduleService;
  queue: QueueService;
}

/** The eight services, by name. */
export type Services = { readonly [K in ServiceName]: K extends keyof TypedServices ? TypedServices[K] : GenericService };

export function servicesOver(transport: Transport): Services {
  const services = SERVICES.map((name) => {
    const call: Call = (method, params) => transport.call(name, method, params);
    return [name, (PROXIES.get(name) ?? serviceProxy)(call)] as const;
  });
  // Each name is there; what its methods are is what Services says and the server checks.
  return Object.fromEntries(services) as unknown as Services;
}

type Call = (method: string, params: readonly unknown[]) => Promise<unknown>;

/** db, whose `collection(name)` gives the same methods without the name. Made here: nothing is sent for it. */
function dbProxy(call: Call): GenericService {
  const collection = (name: string) => serviceProxy((method, params) => call(method, [name, ...params]));
  const methods = serviceProxy(call);
  return new Proxy(methods, {
    get: (target, name) => (name === "collection" ? collection : (Reflect.get(target, name) as unknown)),
  });
}

/** gateway, whose `function(name)` gives the methods of a function, `object(name, object)` of an object of one. Made here, too. */
function gatewayProxy(call: Call): GenericService {
  const handle = (name: string, options?: CallOptions) =>
    serviceProxy((method, args) => call("call", [name, method, args, ...(options === undefined ? [] : [options])]));
  const object = (name: string, of: string, options?: ObjectOptions) =>
    serviceProxy((method, args) => call("callObject", [name, of, method, args, ...(options === undefined ? [] : [options])]));
  return new Proxy(serviceProxy(call), {
    get: (target, name) => (name === "function" ? handle : name === "object" ? object : (Reflect.get(target, name) as unknown)),
  });
}

const PROXIES: ReadonlyMap<ServiceName, (call: Call) => GenericService> = new Map([
  ["db", dbProxy],
  ["gateway", gatewayProxy],
]);

/** An object on which every name is a method, but those that would make it something else to the language. */
function serviceProxy(call: Call): GenericService {
  const methods = new Map<string, (...params: readonly unknown[]) => Promise<unknown>>();
  return new Proxy<GenericService>(Object.freeze({}), {
    get(_target, name) {
      if (typeof name === "symbol" || isTakenByTheLanguage(name)) return undefined;
      const method = methods.get(name) ?? ((...params: readonly unknown[]) => call(name, params));
      methods.set(name, method);
      return method;
    },
  });
}

/** `await` asks for `then`, JSON.stringify for `toJSON`, coercion for `toString`. */
function isTakenByTheLanguage(name: string): boolean {
  return name === "then" || name === "toJSON" || name in Object.prototype;
}
