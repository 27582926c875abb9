import { encodeSettled } from "../../../../../sdk/src/values/encode.ts";
import type { DispatchOptions, FunctionHost, HeaderList, RequestHead } from "./function-protocol.ts";

/** Statuses whose answers have no body (Fetch standard). */
const NO_BODY = new Set([101, 103, 204, 205, 304]);

export function requestOf({ url, method, headers }: RequestHead, body: ReadableStream | null, signal: AbortSignal): Request {
  return new Request(url, { method, headers: new Headers(headers as [string, string][]), body, redirect: "manual", signal });
}

/** What a function of one context gets of a request: its JSON or its text; nothing of one without a body. */
export async function inputOf(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === "") return undefined;
  return /[/+]json\b/i.test(request.headers.get("content-type") ?? "") ? (JSON.parse(text) as unknown) : text;
}

/** What a function of one context answers a request with: a Response as it is, any other value as JSON. */
export async function asResponse(value: unknown): Promise<Response> {
  if (value instanceof Response) return value;
  if (value === undefined) return new Response(null, { status: 204 });
  const encoded = await encodeSettled(value, "result");
  return Response.json(encoded.value);
}

/** Hands an answer to the host, and waits until it was taken. */
export async function respond(host: FunctionHost, answer: unknown): Promise<void> {
  if (!(answer instanceof Response)) throw new TypeError("fetch() must answer a Response");
  if (answer.webSocket) throw new TypeError("A function cannot answer with a WebSocket");
  const body = NO_BODY.has(answer.status) ? null : answer.body;
  await host.respond({ status: answer.status, headers: listOf(answer.headers) }, body);
}

export function listOf(headers: Headers): HeaderList {
  return [...headers];
}

/** The dispatcher of Workers for Platforms: `get(name, args, { limits, outbound }).fetch(request)`. */
export function dispatcher(host: FunctionHost, binding: string): { get(name: string, args?: unknown, options?: object): object } {
  return {
    get: (name, args, options = {}) => ({
      fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
        const request = new Request(input instanceof URL ? input.href : input, init);
        const { limits, outbound } = options as Partial<DispatchOptions>;
        const head = { url: request.url, method: request.method, headers: listOf(request.headers) };
        const answer = await host.dispatch(binding, String(name), head, request.body as ReadableStream<Uint8Array> | null, {
          args,
          limits,
          outbound,
        });
        if (answer.ok)
          return new Response(answer.body, { status: answer.head.status, headers: new Headers(answer.head.headers as [string, string][]) });
        throw Object.assign(new Error(answer.message), { code: answer.code, reason: answer.reason });
      },
    }),
  };
}
