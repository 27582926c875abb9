import { toDoError } from "../../../../sdk/src/errors.ts";
import type { Change } from "../documents/reads.ts";
import { FEED_LIMITS } from "../limits.ts";

/** Shorter than what a call may wait, so that an empty line shows in time that the stream lives. */
const POLL_MS = FEED_LIMITS.waitMs / 2;
const MAX_FAILURES = 5;

export type Poll = (since: string, waitMs: number) => Promise<{ items: Change[]; cursor: string }>;

/**
 * Changes as NDJSON, from a cursor on, without loss or repetition: each question goes on from the cursor of the last
 * answer, so a database that restarts meanwhile is only asked again.
 */
export async function* watched(poll: Poll, since: string): AsyncGenerator<string, void, undefined> {
  let cursor = since;
  let failures = 0;
  for (;;) {
    try {
      const page = await poll(cursor, POLL_MS);
      failures = 0;
      cursor = page.cursor;
      yield page.items.length === 0 ? "\n" : page.items.map((change) => `${JSON.stringify(change)}\n`).join("");
    } catch (error) {
      // What db itself answers stays an answer; what the way there answers is tried again.
      failures++;
      if (toDoError(error) || failures > MAX_FAILURES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * failures));
    }
  }
}
