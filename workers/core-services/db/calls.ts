import type { OnceKey } from "../shared/once.ts";
import type { Call } from "./database.ts";
import type { TenantDatabase } from "./tenant.ts";

/** What whoever reaches the databases in another process must know of a call. */
export interface RemoteCall {
  /** Puts a key into the arguments under which the write is done once; without it, done twice is as done once. */
  readonly withOnce?: (args: readonly unknown[], key: OnceKey) => readonly unknown[];
  /** Set for what runs the tenant's own SQL, which may never end. */
  readonly timeoutMs?: (args: readonly unknown[]) => number;
}

/** Of a statement that says nothing else. */
const STATEMENT_MS = 5_000;
/** Of all that a migration or a restore runs. */
const SCRIPT_MS = 60_000;

const SAFE: RemoteCall = {};

/** A write of documents, whose last argument is its context. */
const WRITE: RemoteCall = {
  withOnce: (args, key) => {
    const call = args.at(-1) as Call;
    return call.once ? args : [...args.slice(0, -1), { ...call, once: key }];
  },
};

interface StatementCall {
  readonly timeoutMs?: number | undefined;
  readonly once?: OnceKey | undefined;
}

const timeoutOf = ([call]: readonly unknown[]) => (call as StatementCall).timeoutMs ?? STATEMENT_MS;

/** A statement, or several, whose one argument says all. */
const STATEMENT: RemoteCall = {
  withOnce: ([call], key) => [(call as StatementCall).once ? call : { ...(call as StatementCall), once: key }],
  timeoutMs: timeoutOf,
};
const SCRIPT: RemoteCall = { timeoutMs: () => SCRIPT_MS };

type Calls<T> = Readonly<Record<keyof T, RemoteCall>>;

/** Every method of the two databases: one that is not here cannot be called from another process. */
export const DATABASE_CALLS: { readonly documents: Calls<TenantDatabase["documents"]>; readonly tables: Calls<TenantDatabase["tables"]> } =
  {
    documents: {
      get: SAFE,
      getMany: SAFE,
      list: SAFE,
      count: SAFE,
      aggregate: SAFE,
      search: SAFE,
      changes: SAFE,
      describe: SAFE,
      collections: SAFE,
      stats: SAFE,
      copyStart: SAFE,
      copyDocuments: SAFE,
      copyChanges: SAFE,
      stage: SAFE,
      write: WRITE,
      atomic: WRITE,
      writeMany: WRITE,
      define: WRITE,
      drop: WRITE,
      restore: WRITE,
      importDocuments: WRITE,
    },
    tables: {
      query: STATEMENT,
      batch: STATEMENT,
      explain: { timeoutMs: () => STATEMENT_MS },
      // Each is applied once by its checksum.
      migrate: SCRIPT,
      restore: SCRIPT,
      stats: SAFE,
      dumpStart: SAFE,
      dumpPage: SAFE,
      stage: SAFE,
    },
  };
