import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { SMALL, startHost } from "../../host/src/host.ts";
import { SILENT } from "../../host/src/log.ts";
import { connect, type QueueService } from "../../sdk/src/index.ts";
import { BUNDLE_DIR } from "./build.ts";

const SENDERS = 3;
const GROUPS = ["a", "b", "c"];
/** Longer than a process lives in a round, so that nothing but its end makes a message come again. */
const LEASE_SECONDS = 2;

interface Body {
  key: string;
  group: string;
  n: number;
}

export interface Killed {
  readonly sent: number;
  readonly kills: number;
  /** Deliveries beyond the first one of a message, of all messages. */
  readonly extra: number;
}

/** What the outside has seen, which is what was promised to it. */
class Witness {
  /** Keys of what was acknowledged to its sender. */
  readonly sent = new Set<string>();
  /** How often each message was received, by key. */
  readonly received = new Map<string, number>();
  /** Of each queue and group, in the order in which they were received for the first time. */
  readonly order = new Map<string, number[]>();
  readonly inHand = new Map<string, string>();
  /** Two messages of one group in hand at a time. */
  readonly doubles: string[] = [];
  /** Since the last kill. */
  readonly sinceKill = new Set<string>();
  /** What came twice without a kill between. */
  readonly repeated: string[] = [];

  killed(): void {
    this.sinceKill.clear();
    // Whoever had something in hand has lost it with the connection.
    this.inHand.clear();
  }

  took(queue: string, { key, group, n }: Body): void {
    const times = (this.received.get(key) ?? 0) + 1;
    this.received.set(key, times);
    if (this.sinceKill.has(key)) this.repeated.push(key);
    this.sinceKill.add(key);
    const place = `${queue} ${group}`;
    if (times === 1) this.order.set(place, [...(this.order.get(place) ?? []), n]);
    const before = this.inHand.get(place);
    if (queue.endsWith(".fifo") && before !== undefined && before !== key) this.doubles.push(`${before} and ${key}`);
    this.inHand.set(place, key);
  }

  answered(queue: string, { group }: Body): void {
    this.inHand.delete(`${queue} ${group}`);
  }
}

/**
 * Senders and receivers work on a standard and a FIFO queue, a consumer takes a third one, and in the middle the process that stores is
 * killed with SIGKILL. At the end nothing that was acknowledged is missing, and groups came in order.
 */
export async function killRounds(rounds: number): Promise<Killed> {
  const data = mkdtempSync(join(tmpdir(), "do-queue-"));
  const start = () => startHost({ bundleDir: BUNDLE_DIR, data, host: "127.0.0.1", port: 0, rootKey: undefined, log: SILENT, ...SMALL });
  const witness = new Witness();
  const pushed = new Set<string>();
  try {
    for (let round = 0; round < rounds; round++) {
      const host = await start();
      const { queue } = connect(host.url, host.rootKey);
      if (round === 0) await setUp(queue);
      const working = [
        ...Array.from({ length: SENDERS }, (_, i) => send(queue, witness, pushed, round, i)),
        take(queue, witness, "work"),
        take(queue, witness, "work.fifo"),
      ];
      await sleep(150 + ((round * 37) % 250));
      const { front } = host.pids;
      if (front !== undefined) process.kill(front, "SIGKILL");
      await host.stop();
      await Promise.all(working);
      witness.killed();
    }
    const host = await start();
    const session = connect(host.url, host.rootKey);
    for (const name of ["work", "work.fifo"]) await drain(session.queue, witness, name);
    const done = await untilPushed(session, pushed.size);
    await host.stop();
    return judge(witness, pushed, done, rounds);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function setUp(queue: QueueService): Promise<void> {
  for (const name of ["work", "work.fifo"]) await queue.create(name, { visibilityTimeoutSeconds: LEASE_SECONDS, maxRetries: null });
  await queue.create("pushed", { maxRetries: null, visibilityTimeoutSeconds: LEASE_SECONDS });
  // One act for each message, however often it comes.
  const code = `for (const { body } of input.messages) await db.upsert("pushed", body.key, {})`;
  await queue.subscribe("pushed", { code }, { batchSize: 10, batchWaitMs: 5 });
}

/** Until the server is gone. */
async function send(queue: QueueService, witness: Witness, pushed: Set<string>, round: number, sender: number): Promise<void> {
  try {
    for (let n = 0; ; n++) {
      const group = GROUPS[sender] ?? "a";
      const body: Body = { key: `${round}-${sender}-${n}`, group, n: round * 100_000 + n };
      await queue.send("work", { ...body, key: `s${body.key}` });
      witness.sent.add(`s${body.key}`);
      await queue.sendBatch("work.fifo", [{ body: { ...body, key: `f${body.key}` }, groupId: group }]);
      witness.sent.add(`f${body.key}`);
      await queue.send("pushed", { key: `p${body.key}` });
      pushed.add(`p${body.key}`);
    }
  } catch {
    // The server is gone: what was not answered is not promised.
  }
}

async function take(queue: QueueService, witness: Witness, name: string): Promise<void> {
  try {
    for (;;) await takeOnce(queue, witness, name, 1);
  } catch {
    // The server is gone.
  }
}

async function takeOnce(queue: QueueService, witness: Witness, name: string, waitSeconds: number): Promise<number> {
  const { messages } = await queue.receive(name, { max: 5, waitSeconds });
  for (const { body } of messages) witness.took(name, body as Body);
  if (messages.length > 0) {
    await queue.ack(
      name,
      messages.map(({ receipt }) => receipt),
    );
  }
  for (const { body } of messages) witness.answered(name, body as Body);
  return messages.length;
}

/** All that is left, also what is still under the lease of who was killed. */
async function drain(queue: QueueService, witness: Witness, name: string): Promise<void> {
  for (;;) {
    const taken = await takeOnce(queue, witness, name, LEASE_SECONDS * 2);
    const { ready, delayed, inFlight } = await queue.stats(name);
    if (taken === 0 && ready + delayed + inFlight === 0) return;
  }
}

/** What was in hand at the last kill comes when its lease is over. */
async function untilPushed({ queue, db }: ReturnType<typeof connect>, atLeast: number): Promise<Set<string>> {
  for (;;) {
    const { ready, delayed, inFlight } = await queue.stats("pushed");
    if (ready + delayed + inFlight === 0) break;
    await queue.tail("pushed", { waitMs: 500 });
  }
  const done = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await db.list("pushed", { limit: 1_000, cursor });
    for (const { id } of page.items) done.add(id);
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(done.size).toBeGreaterThanOrEqual(atLeast);
  return done;
}

function judge(witness: Witness, pushed: Set<string>, done: Set<string>, kills: number): Killed {
  const lost = [...witness.sent].filter((key) => !witness.received.has(key));
  expect(lost, "acknowledged messages that never came").toEqual([]);
  expect(
    [...pushed].filter((key) => !done.has(key)),
    "acknowledged messages that were never pushed",
  ).toEqual([]);
  expect(witness.doubles, "messages of a group that were in hand together").toEqual([]);
  for (const [place, order] of witness.order) {
    if (place.includes(".fifo")) expect(order, `order of ${place}`).toEqual(order.toSorted((a, b) => a - b));
  }
  const times = [...witness.received.values()];
  expect(witness.repeated, "messages that came twice without a kill between").toEqual([]);
  return { sent: witness.sent.size + pushed.size, kills, extra: times.reduce((sum, n) => sum + n - 1, 0) };
}
