import type { Limits, ServiceName } from "../../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../../sdk/src/values.ts";
import type { GuestRequest, GuestResponse, LogBatch } from "./protocol.ts";

export type { EntrypointInfo } from "../../../../core-services/gateway/functions/engine.ts";

/** What a saved function is called with. All that belongs to one call comes with it: the isolate is used again. */
export interface FunctionJob {
  readonly call: FunctionCall;
  /** Variables and secrets, by name. */
  readonly env: Readonly<Record<string, unknown>>;
  /** Names under which the code gets a dispatcher. */
  readonly dispatchers: readonly string[];
  /** Names under which it gets a namespace of objects. */
  readonly namespaces: readonly string[];
  /** The object that is called, when it is one. */
  readonly object?: { readonly name: string } | undefined;
  readonly services: readonly ServiceName[];
  /** What `ctx.props` is: the arguments of a dispatcher. */
  readonly props: unknown;
  readonly limits: Limits;
  readonly mirrorLogs: boolean;
  readonly guard: boolean;
}

export type FunctionCall =
  /** Loads the code and says what it is. */
  | { readonly kind: "describe" }
  | { readonly kind: "invoke"; readonly entrypoint: string; readonly input: string; readonly inputTypes: ValueTypes }
  | {
      readonly kind: "method";
      readonly entrypoint: string;
      readonly method: string;
      /** JSON text of an array. */
      readonly args: string;
      readonly argTypes: ValueTypes;
    }
  | { readonly kind: "fetch"; readonly entrypoint: string; readonly request: RequestHead };

/** As HTTP has them, in order: a name may come twice. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface RequestHead {
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderList;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderList;
}

/** What a dispatcher is told of the function that it called. */
export type Dispatched =
  | { readonly ok: true; readonly head: ResponseHead; readonly body: ReadableStream<Uint8Array> | null }
  | { readonly ok: false; readonly message: string; readonly code: string; readonly reason: string };

export interface DispatchOptions {
  readonly args: unknown;
  readonly limits: unknown;
  readonly outbound: unknown;
}

/** What code asks of an object. */
export type AskedObject =
  | { readonly kind: "method"; readonly method: string; readonly args: string; readonly argTypes: ValueTypes }
  | { readonly kind: "fetch"; readonly request: RequestHead };

/** A value as text, the answer to a request, or why there is neither. */
export type ObjectAnswer =
  | { readonly ok: true; readonly value: string; readonly types: ValueTypes }
  | { readonly ok: true; readonly head: ResponseHead; readonly body: ReadableStream<Uint8Array> | null }
  | { readonly ok: false; readonly message: string; readonly code: string; readonly reason: string; readonly name: string };

/** The host as the isolate of a function sees it, in one call: six names, which a test compares with what there is. */
export interface FunctionHost {
  readonly DO: Record<string, unknown>;
  log(batch: LogBatch): Promise<void>;
  request(request: GuestRequest): Promise<GuestResponse>;
  /** The answer to a request. Settles when all of its body was taken. */
  respond(head: ResponseHead, body: ReadableStream<Uint8Array> | null): Promise<void>;
  dispatch(
    binding: string,
    name: string,
    request: RequestHead,
    body: ReadableStream<Uint8Array> | null,
    options: DispatchOptions,
  ): Promise<Dispatched>;
  /** Calls an object of the namespace that a binding names. */
  object(binding: string, name: string, asked: AskedObject, body: ReadableStream<Uint8Array> | null): Promise<ObjectAnswer>;
}
