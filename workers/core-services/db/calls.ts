import type { Database } from "./database.ts";

/** A tenant's Database as whoever may use it holds it, wherever its process is. */
export type DatabaseStub = DurableObjectStub<Database>;

interface DatabaseCall {
  /** What may be sent a second time when its answer was lost. */
  readonly access: "read" | "write";
  /** Set for what runs the tenant's own SQL, which may never end. */
  readonly timeoutMs?: (args: readonly unknown[]) => number;
}

const STATEMENT_MS = 5_000;

/** What the host must know of each method of Database. One that is not here cannot be called. */
export const DATABASE_CALLS: ReadonlyMap<string, DatabaseCall> = new Map<string, DatabaseCall>([
  ["get", { access: "read" }],
  ["list", { access: "read" }],
  ["upsert", { access: "write" }],
  ["delete", { access: "write" }],
  ["query", { access: "write", timeoutMs: () => STATEMENT_MS }],
]);
