import type { Log } from "../log.ts";
import type { LeaseRequest } from "../pool/lease.ts";
import type { Accounting } from "../process/accounting.ts";
import type { WorkerdProcess } from "../process/workerd.ts";

/** What the front asks for: one call of an object. */
export interface HomeRequest extends LeaseRequest {
  /** Names the folder: 64 hexadecimal digits. */
  readonly home: string;
  /** Names the object within it. */
  readonly objectKey?: string | undefined;
  /** It makes room: how much is stored is no matter. */
  readonly isForgetting?: boolean | undefined;
}

export interface HomesOptions {
  /** The most memory that a process can bear, whatever a call asks for. */
  readonly maxMemoryMb: number;
  /** A home that keeps more than this when nobody calls it is ended. */
  readonly mostIdleMb: number;
  /** What the objects of one function may store. */
  readonly mostStoredMb: number;
  readonly boot: (seat: number, home: string, onLine: (line: string) => void) => Promise<WorkerdProcess>;
  /** Bytes of what the home has stored. */
  readonly storedBytes: (home: string) => Promise<number>;
  readonly remove: (home: string) => Promise<void>;
  readonly accounting: Accounting;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Log;
  readonly onCrash: (why: string) => void;
}
