import type { BeginEntry, FinishEntry } from "./schema.ts";

/** A run from its start to its end. */
export interface WholeRecord {
  readonly begin: BeginEntry;
  readonly finish: FinishEntry;
}

/** One that is to be written. */
export interface Unwritten {
  /** How much text it is, about. */
  readonly characters: number;
  /** What is written, with its hashes, is made when it is: the answer leaves first. */
  readonly make: () => WholeRecord;
}

/** Writes records in one step: all of them or none. */
export type WriteRecords = (records: readonly WholeRecord[]) => Promise<void>;

/** How long a record waits for others, to be written with them: a write alone costs as much as ten together. */
const GATHER_MS = 20;
const MAX_GATHERED = 64;
/** A record with more text than this is written by itself: together they must fit into a message. */
const MAX_GATHERED_CHARACTERS = 65_536;

/**
 * Records that follow their answers: of runs without any effect, which nobody could have missed. Whoever asks for the
 * executions of a tenant has those of this process written first, so that an answer's id is found.
 */
const gathered = new Map<string, Unwritten[]>();
const writing = new Map<string, Set<Promise<unknown>>>();
/** Tenants whose last record failed: what cannot be recorded does not go on. */
const failed = new Set<string>();

/** Writes the record of a whole run after its answer has left. */
export async function recordLater(tenant: string, record: Unwritten, write: WriteRecords): Promise<void> {
  if (record.characters > MAX_GATHERED_CHARACTERS) return writeLater(tenant, () => write([record.make()]));
  const records = gathered.get(tenant) ?? [];
  records.push(record);
  gathered.set(tenant, records);
  // Who came first waits for all of them. One that finds them many writes them now, and leaves nothing for that.
  if (records.length > 1 && records.length < MAX_GATHERED) return;
  await after(records.length > 1 ? 0 : GATHER_MS);
  await writeGathered(tenant, write);
}

/** Writes down the end of a run whose start is on record, after its answer has left. */
export async function writeLater(tenant: string, write: () => Promise<void>): Promise<void> {
  await written(tenant, () => after(0).then(write));
}

/** Settles when all that was answered is on record, or has failed to be. */
export async function allWritten(tenant: string, write: WriteRecords): Promise<void> {
  await writeGathered(tenant, write);
  const writes = writing.get(tenant);
  if (writes) await Promise.allSettled(writes);
}

/** Whether the last record of a tenant could not be written, as far as it is known. */
export function hasFailed(tenant: string): boolean {
  return failed.has(tenant);
}

/** One could be written again. */
export function works(tenant: string): void {
  failed.delete(tenant);
}

async function writeGathered(tenant: string, write: WriteRecords): Promise<void> {
  const records = gathered.get(tenant);
  gathered.delete(tenant);
  if (records) await written(tenant, () => write(records.map(({ make }) => make())));
}

async function written(tenant: string, write: () => Promise<void>): Promise<void> {
  const writes = writing.get(tenant) ?? new Set();
  writing.set(tenant, writes);
  const done = write();
  writes.add(done);
  try {
    await done;
    works(tenant);
  } catch (error) {
    failed.add(tenant);
    console.error(JSON.stringify({ level: "error", event: "execution-unrecorded", error: error instanceof Error ? error.message : "" }));
  } finally {
    writes.delete(done);
    if (writes.size === 0) writing.delete(tenant);
  }
}

/** Writing waits for the disk, and the answer of this thread with it: a timer lets that out first. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
