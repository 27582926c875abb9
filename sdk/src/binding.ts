import { cancellable } from "./cancellation.ts";
import { DoError, toDoError } from "./errors.ts";
import type { ListExecutions, RunOptions, Transport } from "./transport.ts";
import type { ExecuteRequest, ExecutionAnswer, ExecutionRecord, ExecutionSummary, Page, RpcEvent, ServiceName, WhoAmI } from "./types.ts";

/** The `Do` entrypoint as a service binding has it, or a Cap'n Web stub of it: the surface is the same. */
export interface Binding {
  authenticate(credential: string): PromiseLike<unknown>;
}

/** What a binding and the session that it authenticates have in common. Stubs: every name answers, over RPC. */
interface Surface {
  execute(request: ExecuteRequest, onEvent?: (event: RpcEvent) => void): PromiseLike<ExecutionAnswer>;
  whoami(): PromiseLike<WhoAmI>;
  readonly executions: {
    list(options: ListExecutions): PromiseLike<Page<ExecutionSummary>>;
    get(id: string): PromiseLike<ExecutionRecord>;
    cancel(id: string): PromiseLike<{ cancelled: boolean }>;
  };
}

type Method = (...params: readonly unknown[]) => PromiseLike<unknown>;

/** do over Workers RPC or Cap'n Web: values and errors cross as they are. */
export class BindingTransport implements Transport {
  readonly #binding: Binding;
  readonly #credential: string | undefined;
  /** In an object: a promise asks what it resolves to for `then`, and a stub has every name. */
  #session: Promise<{ surface: Surface }> | undefined;

  constructor(binding: Binding, credential: string | undefined) {
    this.#binding = binding;
    this.#credential = credential;
  }

  execute(request: ExecuteRequest, { onLog, signal }: RunOptions): Promise<ExecutionAnswer> {
    if (!onLog && !signal) return this.#ask((surface) => surface.execute(request));
    return cancellable(
      signal,
      (id) => this.cancel(id),
      (control) =>
        this.#ask((surface) =>
          surface.execute(request, (event) => {
            if (event.type === "started") control.started(event.id);
            else if (event.type === "log") onLog?.(event.entry);
          }),
        ),
    );
  }

  call(service: ServiceName, method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#ask((surface) => {
      const methods = (surface as unknown as Record<ServiceName, Record<string, Method | undefined>>)[service];
      // Called as a member: over RPC the path of names is the address.
      return methods[method]?.(...params) ?? Promise.reject(noSuchMethod(service, method));
    });
  }

  whoami(): Promise<WhoAmI> {
    return this.#ask((surface) => surface.whoami());
  }
  list(options: ListExecutions): Promise<Page<ExecutionSummary>> {
    return this.#ask((surface) => surface.executions.list(options));
  }
  get(id: string): Promise<ExecutionRecord> {
    return this.#ask((surface) => surface.executions.get(id));
  }
  cancel(id: string): Promise<{ cancelled: boolean }> {
    return this.#ask((surface) => surface.executions.cancel(id));
  }

  async #ask<T>(ask: (surface: Surface) => PromiseLike<T>): Promise<T> {
    try {
      const { surface } = await this.#open();
      return await ask(surface);
    } catch (error) {
      throw fromRpc(error);
    }
  }

  /** Authenticates once; a failure is not kept. */
  #open(): Promise<{ surface: Surface }> {
    this.#session ??= this.#authenticate().catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  async #authenticate(): Promise<{ surface: Surface }> {
    const binding: unknown = this.#credential === undefined ? this.#binding : await this.#binding.authenticate(this.#credential);
    return { surface: binding as Surface };
  }
}

function noSuchMethod(service: ServiceName, method: string): DoError {
  return new DoError("NOT_FOUND", `${service} has no method "${method}"`, { reason: "UNKNOWN_METHOD" });
}

/** Any rejection of an RPC call as a DoError. */
function fromRpc(error: unknown): DoError {
  const known = toDoError(error);
  if (known) return known;
  const { name, message, remote } = (error instanceof Error ? error : {}) as { name?: string; message?: string; remote?: boolean };
  // The runtime's own words for a name that the other side does not have.
  if (message?.startsWith("The RPC receiver does not implement")) return new DoError("NOT_FOUND", message, { reason: "UNKNOWN_METHOD" });
  if (name === "DataCloneError") return new DoError("INVALID_ARGUMENT", message ?? "A value cannot be sent");
  // The runtime marks what was thrown on the other side; anything else is the way there.
  if (remote) return new DoError("UPSTREAM", `do failed: ${message ?? "no message"}`);
  return new DoError("UNAVAILABLE", `Cannot reach do over its binding: ${message ?? "no message"}`);
}
