import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SMALL, startHost } from "../../host/src/host.ts";
import { SILENT } from "../../host/src/log.ts";
import { connect, type Run, type Session } from "../../sdk/src/index.ts";
import { BUNDLE_DIR } from "./build.ts";

/** A document for each run: its version says how often that was done. It takes a while, so that kills come in the middle. */
const CODE = `const wait = () => new Promise((r) => setTimeout(r, 200));
  await wait(); await db.upsert("effects", input.run, { task: input.task, scheduledFor: input.at }); await wait()`;
const INPUT = { run: "<run.id>", task: "<run.task>", at: "<run.scheduledFor>" };

const CALLS = 4;
const CODES = 2;

export interface KillResult {
  readonly kills: number;
  /** Occurrences between the first and the last that are certain to have come due. */
  readonly due: number;
  /** Occurrences without a run, and occurrences with more than one. */
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Runs that were never handed over to their work: no document of theirs. */
  readonly withoutEffect: readonly string[];
  /** Runs that were done again, and the most that one was. */
  readonly repeated: number;
  readonly mostRepeats: number;
  readonly failed: readonly Run[];
}

/**
 * Tasks are due each second, and the process that keeps them is killed with SIGKILL in between, with what runs code and
 * stores data. Then every time of every task must have had exactly one run, and every run its effect.
 */
export async function scheduleKillRounds(rounds: number): Promise<KillResult> {
  const data = mkdtempSync(join(tmpdir(), "do-schedule-"));
  const start = () => startHost({ bundleDir: BUNDLE_DIR, data, host: "127.0.0.1", port: 0, rootKey: undefined, log: SILENT, ...SMALL });
  try {
    let host = await start();
    const startAt = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
    const names = await createTasks(connect(host.url, host.rootKey), startAt);
    await sleep(startAt.getTime() - Date.now());
    for (let round = 0; round < rounds; round++) {
      await sleep(700 + ((round * 137) % 1_000));
      const { front, stores, executors } = host.pids;
      for (const pid of [front, ...stores, ...executors]) if (pid !== undefined) process.kill(pid, "SIGKILL");
      await host.stop();
      host = await start();
    }
    const session = connect(host.url, host.rootKey);
    const endAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 3_000);
    for (const name of names) await session.schedule.update(name, { endAt: endAt.toISOString() });
    const result = await judge(session, names, startAt.getTime(), endAt.getTime());
    await host.stop();
    return { kills: rounds, ...result };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function createTasks({ schedule }: Session, startAt: Date): Promise<string[]> {
  const common = {
    cron: "* * * * * *",
    startAt: startAt.toISOString(),
    overlap: "allowAll",
    retry: { maxAttempts: 5, backoffMs: 100 },
  } as const;
  const names: string[] = [];
  for (let i = 0; i < CALLS; i++) {
    const params = ["effects", "<run.id>", { task: "<run.task>", scheduledFor: "<run.scheduledFor>" }];
    names.push((await schedule.create(`call${i}`, { ...common, action: { service: "db", method: "upsert", params } })).name);
  }
  for (let i = 0; i < CODES; i++) names.push((await schedule.create(`code${i}`, { ...common, action: { code: CODE }, input: INPUT })).name);
  return names;
}

async function judge(session: Session, names: readonly string[], startMs: number, endMs: number): Promise<Omit<KillResult, "kills">> {
  await untilQuiet(session, names);
  const effects = await effectsOf(session);
  const lost: string[] = [];
  const doubled: string[] = [];
  const withoutEffect: string[] = [];
  const failed: Run[] = [];
  let repeated = 0;
  let mostRepeats = 0;
  for (const name of names) {
    const runs = await runsOf(session, name);
    const byTime = Map.groupBy(runs, ({ scheduledFor }) => Date.parse(scheduledFor));
    for (let at = startMs; at < endMs; at += 1_000) {
      const count = byTime.get(at)?.length ?? 0;
      if (count === 0) lost.push(`${name} ${new Date(at).toISOString()}`);
      if (count > 1) doubled.push(`${name} ${new Date(at).toISOString()}`);
    }
    failed.push(...runs.filter(({ outcome }) => outcome !== "ok"));
    for (const { id } of runs) {
      const times = effects.get(id) ?? 0;
      if (times === 0) withoutEffect.push(id);
      if (times > 1) repeated++;
      mostRepeats = Math.max(mostRepeats, times - 1);
    }
  }
  return { due: names.length * ((endMs - startMs) / 1_000), lost, doubled, withoutEffect, repeated, mostRepeats, failed };
}

/** Until no task has a time left or a run that is not over. */
async function untilQuiet({ schedule }: Session, names: readonly string[]): Promise<void> {
  let since = "0";
  for (;;) {
    const { open, tasks } = await schedule.stats();
    if (tasks.completed === names.length && open.buffered + open.waiting + open.running === 0) return;
    ({ cursor: since } = await schedule.follow({ since, limit: 1_000, waitMs: 1_000 }));
  }
}

async function runsOf({ schedule }: Session, name: string): Promise<Run[]> {
  const runs: Run[] = [];
  let cursor: string | undefined;
  do {
    const page = await schedule.getHistory(name, { limit: 1_000, cursor });
    runs.push(...page.items);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return runs;
}

/** How often each run was done: the version of its document. */
async function effectsOf({ db }: Session): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  let cursor: string | undefined;
  do {
    const page = await db.list("effects", { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    for (const { id, version } of page.items) found.set(id, version);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return found;
}
