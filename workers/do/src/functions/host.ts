import { RpcTarget } from "cloudflare:workers";
import * as z from "zod";
import type { AskedObject, FunctionHost, Dispatched, ObjectAnswer, RequestHead } from "../executor/guest/function-protocol.ts";
import { GuestLogs } from "../executor/envelope.ts";
import type { Logbook } from "../executor/logbook.ts";
import type { GuestResponse } from "../executor/guest/protocol.ts";
import type { GuestNetwork } from "../executor/network.ts";
import type { Redactor } from "./redact.ts";
import { isResponseHead } from "./response-head.ts";
import { DoError } from "../errors.ts";

/** An answer to a request: its head, and its body as it comes. */
export interface FunctionResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: ReadableStream<Uint8Array> | null;
}

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/);
const HeaderValue = z
  .string()
  .max(16_384)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/);
const HeaderList = z.array(z.tuple([HeaderName, HeaderValue])).max(200);
const DispatchHead = z.object({ url: z.url().max(16_384), method: z.string().regex(/^[A-Za-z]{1,32}$/), headers: HeaderList });

const Asked = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("method"), method: z.string().max(128), args: z.string(), argTypes: z.record(z.string(), z.string()) }),
  z.object({ kind: z.literal("fetch"), request: DispatchHead }),
]);

export interface DispatchCall {
  readonly binding: string;
  readonly name: string;
  readonly request: RequestHead;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly options: unknown;
}

export interface ObjectAsk {
  readonly binding: string;
  readonly name: string;
  readonly asked: AskedObject;
  readonly body: ReadableStream<Uint8Array> | null;
}

export interface FunctionHostOptions {
  readonly logbook: Logbook;
  readonly surface: RpcTarget;
  readonly network: GuestNetwork;
  readonly redactor: Redactor;
  /** Gets the answer to a request, once. */
  readonly onResponse: (response: FunctionResponse) => void;
  readonly dispatch: (call: DispatchCall) => Promise<Dispatched>;
  readonly object: (ask: ObjectAsk) => Promise<ObjectAnswer>;
}

/** What the isolate of a function is called with. RPC exposes these six names and no other. */
export class FunctionRunHost extends RpcTarget implements FunctionHost {
  readonly #options: FunctionHostOptions;
  #hasResponded = false;

  constructor(options: FunctionHostOptions) {
    super();
    this.#options = options;
  }

  get DO(): Record<string, unknown> {
    return this.#options.surface as unknown as Record<string, unknown>;
  }

  async log(batch: unknown): Promise<void> {
    const { logbook, redactor } = this.#options;
    logbook.add(redactor.isIdle ? batch : redacted(batch, redactor));
  }

  request(sent: unknown): Promise<GuestResponse> {
    return this.#options.network.request(sent);
  }

  async respond(head: unknown, body: unknown): Promise<void> {
    const { redactor, onResponse } = this.#options;
    if (!isResponseHead(head) || this.#hasResponded || !(body === null || body instanceof ReadableStream)) {
      throw new DoError("INVALID_ARGUMENT", "The answer of the function is none: a status from 200 to 599, headers, a body");
    }
    this.#hasResponded = true;
    const { status, headers } = head;
    const shown = headers.map(([name, value]): [string, string] => [name, redactor.text(value)]);
    if (body === null) return onResponse({ status, headers: shown, body: null });
    const through = redactor.isIdle ? new IdentityTransformStream() : redactor.stream();
    onResponse({ status, headers: shown, body: through.readable });
    // Who asked may go away, and the code may break off: either ends the other, and neither is an error of the host.
    await (body as ReadableStream<Uint8Array>).pipeTo(through.writable).catch(() => undefined);
  }

  dispatch(binding: unknown, name: unknown, request: unknown, body: unknown, options: unknown): Promise<Dispatched> {
    const head = DispatchHead.safeParse(request);
    const isCall = typeof binding === "string" && typeof name === "string" && (body === null || body instanceof ReadableStream);
    if (!head.success || !isCall) throw new DoError("INVALID_ARGUMENT", "Cannot dispatch: it takes a name and a request");
    return this.#options.dispatch({ binding, name, request: head.data, body: body as ReadableStream<Uint8Array> | null, options });
  }

  object(binding: unknown, name: unknown, asked: unknown, body: unknown): Promise<ObjectAnswer> {
    const what = Asked.safeParse(asked);
    const isCall = typeof binding === "string" && typeof name === "string" && (body === null || body instanceof ReadableStream);
    if (!what.success || !isCall)
      throw new DoError("INVALID_ARGUMENT", "Cannot call an object: it takes a method with arguments, or a request");
    return this.#options.object({ binding, name, asked: what.data, body: body as ReadableStream<Uint8Array> | null });
  }
}

function redacted(batch: unknown, redactor: Redactor): unknown {
  const parsed = GuestLogs.safeParse(batch);
  if (!parsed.success) return batch;
  return { ...parsed.data, entries: parsed.data.entries.map((entry) => ({ ...entry, message: redactor.text(entry.message) })) };
}
