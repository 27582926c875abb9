import { setTimeout as sleep } from "node:timers/promises";
import { repeat } from "../measure.ts";
import { residentBytes } from "../proc.ts";
import { megabytes, printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const CONCURRENCY = 4;
/** What the last runs left behind is freed after they have answered. */
const SETTLE_MS = 1_000;

/** Whether what runs once leaves something behind: resident memory after some executions and after ten times as many. */
export async function memory(server: Server, isQuick: boolean): Promise<void> {
  if (process.platform !== "linux") return console.log("\nmemory: left out, it is read from /proc");
  const client = server.doClient(CONCURRENCY);
  const few = isQuick ? 200 : 2_000;
  const atStart = await residentOf(server);
  const afterFew = await residentAfter(0, few);
  // The loader itself takes some thousand isolates to level off.
  const afterSome = await residentAfter(few, few * 5);
  const afterMany = await residentAfter(few * 5, few * 10);
  printTable(
    `memory: of the processes of do, after one-off executions, ${CONCURRENCY} at a time, every second one of new code`,
    ["executions", "RSS MB", "x first"],
    [
      ["0", megabytes(atStart), ""],
      [String(few), megabytes(afterFew), ratio(1)],
      [String(few * 5), megabytes(afterSome), ratio(afterSome / afterFew)],
      [String(few * 10), megabytes(afterMany), ratio(afterMany / afterFew)],
    ],
  );

  async function residentAfter(from: number, to: number): Promise<number> {
    await repeat(to - from, CONCURRENCY, (n) => client.execute(n % 2 === 0 ? "return 2 + 2" : `return 2 + 2 // ${from + n}`));
    await sleep(SETTLE_MS);
    return residentOf(server);
  }
}

/** Of all its processes, the Node that supervises left out: its heap is collected when it pleases. */
async function residentOf(server: Server): Promise<number> {
  const { front, stores, executors, compilers } = await server.pids();
  return [front, ...stores, ...executors, ...compilers].reduce<number>((sum, pid) => sum + (pid ? residentBytes(pid) : 0), 0);
}
