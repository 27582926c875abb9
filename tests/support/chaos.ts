import type { EncodedAnswer } from "../../sdk/src/types.ts";
import type { TestHost } from "./host.ts";
import { Load, writtenDocuments, type Heard } from "./load.ts";

export const KINDS = ["front", "store", "executor", "compiler"] as const;
type Kind = (typeof KINDS)[number];

export interface ChaosResult {
  readonly answered: number;
  readonly acknowledged: number;
  /** What was neither an answer that is right nor one that says what it lost. */
  readonly wrong: readonly Heard[];
  readonly lostThatWroteNothing: readonly Heard[];
  readonly missing: readonly string[];
  readonly writtenTwice: readonly string[];
  /** From each kill until code ran again. */
  readonly recoveryMs: Readonly<Record<Kind, number[]>>;
  readonly count: Readonly<Record<Heard["how"], number>>;
}

/** Kills a child of each kind in turn, `kills` in all, in the middle of load. `between` settles when the next may be killed. */
export async function chaos(host: TestHost, kills: number, between: (load: Load) => Promise<void>): Promise<ChaosResult> {
  const load = new Load(host, 4);
  const recoveryMs: Record<Kind, number[]> = { front: [], store: [], executor: [], compiler: [] };
  for (let i = 0; i < kills; i++) {
    await between(load);
    const kind = KINDS[i % KINDS.length] ?? "front";
    const pid = pidOf(host, kind);
    const killedMs = performance.now();
    process.kill(pid, "SIGKILL");
    await untilServing(host);
    recoveryMs[kind].push(Math.round(performance.now() - killedMs));
  }
  await between(load);
  await load.stop();
  const documents = await writtenDocuments(host);
  const how = (wanted: Heard["how"]) => load.heard.filter((heard) => heard.how === wanted);
  return {
    answered: load.heard.length,
    acknowledged: load.written.length,
    wrong: how("wrong"),
    lostThatWroteNothing: how("lost").filter(({ kind }) => kind !== "write"),
    missing: load.written.filter((id) => !documents.has(id)),
    writtenTwice: [...documents].filter(([, version]) => version !== 1).map(([id]) => id),
    recoveryMs,
    count: { ok: how("ok").length, lost: how("lost").length, unavailable: how("unavailable").length, wrong: how("wrong").length },
  };
}

function pidOf({ pids }: TestHost, kind: Kind): number {
  const [store] = pids.stores;
  const pid = { front: pids.front, store, executor: pids.executors[0], compiler: pids.compilers[0] }[kind];
  if (pid === undefined) throw new Error(`There is no ${kind} to kill`);
  return pid;
}

/** Asks until the answer is right: each time at once, for the host holds who asks while a process is being started. */
export async function untilServing(host: TestHost): Promise<void> {
  for (;;) {
    const response = await host.execute({ code: `return (await db.get("c", "x")) === null` });
    const { outcome } = (await response.json()) as EncodedAnswer;
    if (outcome === "ok") return;
  }
}
