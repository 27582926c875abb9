import { decodeValue } from "../../../../../sdk/src/values/decode.ts";
import { encodeSettled } from "../../../../../sdk/src/values/encode.ts";
import type { AskedObject, FunctionHost, ObjectAnswer } from "./function-protocol.ts";
import { listOf } from "./function-requests.ts";

const { JSON, Error, TypeError, Object, Proxy, Request, Response, String, Uint8Array, Number } = globalThis;
const randomUUID = crypto.randomUUID.bind(crypto);

/** Which object: what `toString()` gives, `idFromString` takes. */
export interface ObjectId {
  readonly name: string;
  toString(): string;
  equals(other: unknown): boolean;
}

export function objectId(name: string): ObjectId {
  const text = hexOf(name);
  return Object.freeze({ name, toString: () => text, equals: (other: unknown) => String(other) === text });
}

/** A namespace of Durable Objects, as Workers have it: `get(idFromName(name))`, `getByName(name)`. */
export function namespace(host: FunctionHost, binding: string): object {
  const get = (id: unknown) => stub(host, binding, objectId(nameOf(id)));
  return Object.freeze({
    idFromName: (name: unknown) => objectId(String(name)),
    idFromString: (text: unknown) => objectId(nameFromHex(String(text))),
    newUniqueId: () => objectId(randomUUID()),
    get,
    getByName: (name: unknown) => stub(host, binding, objectId(String(name))),
  });
}

function nameOf(id: unknown): string {
  if (typeof id === "object" && id !== null && "name" in id && typeof id.name === "string") return id.name;
  throw new TypeError("get() takes an id: idFromName(name), idFromString(text) or newUniqueId()");
}

/** An object from elsewhere: every name is a method of it, but those of the language. */
function stub(host: FunctionHost, binding: string, id: ObjectId): object {
  const own: Record<string, unknown> = { id, name: id.name, fetch: (input: RequestInfo | URL, init?: RequestInit) => ask(input, init) };
  const ask = async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input instanceof URL ? input.href : input, init);
    const head = { url: request.url, method: request.method, headers: listOf(request.headers) };
    const body = request.body as ReadableStream<Uint8Array> | null;
    return responseOf(await host.object(binding, id.name, { kind: "fetch", request: head }, body));
  };
  return new Proxy(Object.freeze(own), {
    get: (target, name) => {
      if (typeof name === "symbol" || name === "then" || name === "toJSON" || name in Object.prototype) return undefined;
      if (Object.hasOwn(target, name)) return target[name];
      return async (...args: unknown[]) => {
        const { value, types } = await encodeSettled(args, "arguments");
        const asked: AskedObject = { kind: "method", method: name, args: JSON.stringify(value), argTypes: types };
        return valueOf(await host.object(binding, id.name, asked, null));
      };
    },
  });
}

function responseOf(answer: ObjectAnswer): Response {
  if (answer.ok && "head" in answer) {
    return new Response(answer.body, { status: answer.head.status, headers: new Headers(answer.head.headers as [string, string][]) });
  }
  throw errorOf(answer);
}

function valueOf(answer: ObjectAnswer): unknown {
  if (!answer.ok || !("value" in answer)) throw errorOf(answer);
  return answer.value === "" ? undefined : decodeValue({ value: JSON.parse(answer.value) as unknown, types: answer.types });
}

function errorOf(answer: ObjectAnswer): Error {
  if (answer.ok) return new TypeError("The object answered something else than it was asked");
  const { message, name, code, reason } = answer;
  return Object.assign(new Error(message), { name, code, reason, remote: true });
}

function hexOf(name: string): string {
  return [...new TextEncoder().encode(name)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function nameFromHex(text: string): string {
  const pairs = /^(?:[0-9a-f]{2})+$/.test(text) ? text.match(/../g) : null;
  if (!pairs) throw new TypeError("idFromString() takes what an id's toString() gave");
  return new TextDecoder().decode(Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)));
}
