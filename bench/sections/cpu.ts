import { perSecond, repeat } from "../measure.ts";
import { cpuMs } from "../proc.ts";
import { milliseconds, printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const CONCURRENCY = 32;
const WARM_UP = 300;
const TURNS = 6;
const TURN_MS = 1_000;
const CODE = "return 2 + 2";

/** Where the CPU time of an execution goes: what each kind of process uses while many run, and what the bare Worker Loader does. */
export async function cpu(server: Server, isQuick: boolean): Promise<void> {
  if (process.platform !== "linux") return console.log("\ncpu: left out, it is read from /proc");
  const [client, bare] = [server.doClient(CONCURRENCY), server.peerClient(server.bare, CONCURRENCY)];
  const ours = { run: () => client.execute(CODE), runs: 0, spent: new Map<string, number>() };
  const base = { run: () => bare.post("/", JSON.stringify({ code: CODE })), runs: 0, spent: new Map<string, number>() };
  for (const { run } of [ours, base]) await repeat(WARM_UP, CONCURRENCY, run);
  for (let turn = 0; turn < (isQuick ? 2 : TURNS); turn++) {
    for (const target of [ours, base]) {
      const before = await spentBy(server);
      await perSecond(TURN_MS, CONCURRENCY, async () => {
        await target.run();
        target.runs++;
      });
      for (const [name, ms] of await spentBy(server)) add(target.spent, name, ms - (before.get(name) ?? 0));
    }
  }
  const each = [...ours.spent].filter(([name]) => name !== "bare").map(([name, ms]): [string, number] => [name, ms / ours.runs]);
  const all = each.reduce((sum, [, ms]) => sum + ms, 0);
  const bareMs = (base.spent.get("bare") ?? 0) / base.runs;
  printTable(
    `cpu: of one ${CODE} in a fresh isolate, with ${CONCURRENCY} clients, by kind of process`,
    ["", "CPU ms", "x bare"],
    [...each, ["do in all", all] as const, ["bare loader", bareMs] as const].map(([name, ms]) => [
      name,
      milliseconds(ms),
      ratio(ms / bareMs),
    ]),
  );
}

/** CPU milliseconds so far, by kind of process; those of processes that have ended count as the executors'. */
async function spentBy(server: Server): Promise<ReadonlyMap<string, number>> {
  const { front, stores, executors, compilers } = await server.pids();
  const host = cpuMs(server.hostPid);
  const of = (pids: readonly (number | undefined)[]) => pids.reduce<number>((sum, pid) => sum + (pid ? cpuMs(pid).own : 0), 0);
  return new Map([
    ["ingress and supervisor", host.own],
    ["front", of([front])],
    ["executors", of([...executors, ...compilers]) + host.ended],
    ["stores", of(stores)],
    ["bare", of([server.bare.pid])],
  ]);
}

function add(sums: Map<string, number>, name: string, ms: number): void {
  sums.set(name, (sums.get(name) ?? 0) + ms);
}
