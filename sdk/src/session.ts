import { LazyExecution, type Execution } from "./execution.ts";
import { servicesOver, type Services } from "./services.ts";
import type { ListExecutions, Transport } from "./transport.ts";
import type { ExecuteRequest, ExecutionRecord, ExecutionSummary, Page, WhoAmI } from "./types.ts";

export type { ListExecutions } from "./transport.ts";

export interface ExecuteOptions {
  /**
   * Aborting it while the code runs cancels the execution on the server; the answer's outcome is then `cancelled`.
   * Aborted before anything was sent, it rejects with CANCELLED.
   */
  signal?: AbortSignal | undefined;
}

/** The executions of the caller's tenant. */
export interface Executions {
  /** Newest first. */
  list(options?: ListExecutions): Promise<Page<ExecutionSummary>>;
  /** @throws DoError NOT_FOUND */
  get(id: string): Promise<ExecutionRecord>;
  /** Ends a running execution; `cancelled` is false when it had ended by itself. @throws DoError NOT_FOUND */
  cancel(id: string): Promise<{ cancelled: boolean }>;
}

/** What a caller can do: run code, look after what runs, and call the eight services. */
export interface Session extends Services {
  /** Runs code, once the execution is awaited or iterated. */
  execute(request: ExecuteRequest, options?: ExecuteOptions): Execution;
  readonly executions: Executions;
  /** Who the credential stands for, and what it may do. */
  whoami(): Promise<WhoAmI>;
}

export function sessionOver(transport: Transport): Session {
  const executions: Executions = {
    list: (options = {}) => transport.list(options),
    get: (id) => transport.get(id),
    cancel: (id) => transport.cancel(id),
  };
  return Object.freeze({
    ...servicesOver(transport),
    execute: (request: ExecuteRequest, { signal }: ExecuteOptions = {}) =>
      new LazyExecution((onLog) => transport.execute(request, { onLog, signal })),
    executions: Object.freeze(executions),
    whoami: () => transport.whoami(),
  });
}
