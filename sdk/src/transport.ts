import type {
  ExecuteRequest,
  ExecutionAnswer,
  ExecutionRecord,
  ExecutionState,
  ExecutionSummary,
  LogEntry,
  Page,
  ServiceName,
  WhoAmI,
} from "./types.ts";

export interface ListExecutions {
  /** 1 to 1,000; default 100. */
  limit?: number | undefined;
  /** Of the page before. */
  cursor?: string | undefined;
  state?: ExecutionState | undefined;
}

export interface RunOptions {
  /** Gets each log as it happens. */
  readonly onLog?: ((entry: LogEntry) => void) | undefined;
  /** Aborting it cancels the execution. */
  readonly signal?: AbortSignal | undefined;
}

/** One way to reach do. A session is the same over each. All rejections are DoError. */
export interface Transport {
  execute(request: ExecuteRequest, options: RunOptions): Promise<ExecutionAnswer>;
  call(service: ServiceName, method: string, params: readonly unknown[]): Promise<unknown>;
  whoami(): Promise<WhoAmI>;
  list(options: ListExecutions): Promise<Page<ExecutionSummary>>;
  get(id: string): Promise<ExecutionRecord>;
  cancel(id: string): Promise<{ cancelled: boolean }>;
}
