/**
 * Records that follow their answers: of runs without any effect, which nobody could have missed. Whoever asks for the
 * executions of a tenant waits for those of this process first, so that an answer's id is found.
 */
const writing = new Map<string, Set<Promise<unknown>>>();
/** Tenants whose last record failed: what cannot be recorded does not go on. */
const failed = new Set<string>();

/** Writes a record after the answer has left. */
export async function writeLater(tenant: string, write: () => Promise<void>): Promise<void> {
  const writes = writing.get(tenant) ?? new Set();
  writing.set(tenant, writes);
  const written = nextTurn().then(write);
  writes.add(written);
  try {
    await written;
    works(tenant);
  } catch (error) {
    failed.add(tenant);
    console.error(JSON.stringify({ level: "error", event: "execution-unrecorded", error: error instanceof Error ? error.message : "" }));
  } finally {
    writes.delete(written);
    if (writes.size === 0) writing.delete(tenant);
  }
}

/** Settles when all that was answered is on record, or has failed to be. */
export async function allWritten(tenant: string): Promise<void> {
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

/** Writing waits for the disk, and the answer of this thread with it: a timer lets that out first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}
