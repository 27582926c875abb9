import { setTimeout as sleep } from "node:timers/promises";
import type { Run, TaskAction } from "../../sdk/src/index.ts";
import type { Client } from "../client.ts";
import { median, quantile, repeat } from "../measure.ts";
import { printTable } from "../print.ts";
import type { Server } from "../server.ts";

const ACTIONS: Readonly<Record<string, TaskAction>> = {
  "a read (db.get)": { service: "db", method: "get", params: ["runs", "1"] },
  "a write (db.insert)": { service: "db", method: "insert", params: ["runs", { n: 1 }] },
  "code (return 1)": { code: "return 1" },
};
const CLIENTS = 8;
const ALONE_MS = 300;

/** How much later than their instant tasks start: one alone, and many that are due in the same second. */
export async function schedule(server: Server, isQuick: boolean): Promise<void> {
  const client = server.doClient(CLIENTS);
  const [alone, many] = isQuick ? [5, 200] : [15, 1_000];
  const rows: string[][] = [];
  for (const [name, action] of Object.entries(ACTIONS)) {
    const single = await singly(client, name, action, alone);
    const { lags, ended, tookMs } = await together(client, name, action, many);
    const ms = (value: number) => value.toFixed(0);
    rows.push([
      name,
      ms(median(single)),
      ms(median(lags)),
      ms(quantile(lags, 0.99)),
      ms(Math.max(...lags)),
      String(many - ended),
      ms(tookMs),
    ]);
  }
  const header = ["action", "alone, median", `${many} at once: p50`, "p99", "most", "lost", "all ended after"];
  printTable("schedule: ms from the instant until the work is handed over", header, rows);
}

async function call<T>(client: Client, method: string, params: readonly unknown[]): Promise<T> {
  return (JSON.parse(await client.post(`/rpc/schedule/${method}`, JSON.stringify({ params }))) as { result: T }).result;
}

async function singly(client: Client, name: string, action: TaskAction, count: number): Promise<number[]> {
  const lags: number[] = [];
  for (let i = 0; i < count; i++) {
    const at = Date.now() + ALONE_MS;
    await call(client, "create", [nameOf(name, `alone${i}`), { at, action, deleteAfterCompletion: true }]);
    const [run] = await runs(client, new Set([nameOf(name, `alone${i}`)]));
    lags.push(run?.lagMs ?? 0);
  }
  return lags;
}

/** Made ahead of their instant, however long that takes. */
async function together(client: Client, name: string, action: TaskAction, count: number) {
  const names = Array.from({ length: count }, (_, i) => nameOf(name, String(i)));
  const at = Math.ceil(Date.now() / 1_000) * 1_000 + 15 * count + 2_000;
  await repeat(count, CLIENTS, (i) => call(client, "create", [names[i], { at, action, deleteAfterCompletion: true }]));
  if (Date.now() > at) throw new Error("The tasks were not made in time");
  await sleep(at - Date.now());
  const found = await runs(client, new Set(names));
  const endedMs = Math.max(...found.map(({ endedAt }) => Date.parse(endedAt ?? "")));
  return {
    lags: found.map(({ lagMs }) => lagMs ?? 0),
    ended: found.filter(({ outcome }) => outcome === "ok").length,
    tookMs: endedMs - at,
  };
}

function nameOf(action: string, task: string): string {
  return `${action.replaceAll(/\W+/g, "-")}/${task}`;
}

/** Waits for a run of each task to end. */
async function runs(client: Client, waited: Set<string>): Promise<Run[]> {
  const found: Run[] = [];
  let since = "0";
  while (waited.size > 0) {
    const page = await call<{ items: Run[]; cursor: string }>(client, "follow", [{ since, limit: 1_000, waitMs: 5_000 }]);
    since = page.cursor;
    for (const run of page.items) if (run.state === "ended" && waited.delete(run.task)) found.push(run);
    // Asking for news all the time would take from what is measured.
    await sleep(waited.size > 1 ? 500 : 0);
  }
  return found;
}
