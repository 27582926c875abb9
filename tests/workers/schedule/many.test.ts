import { expect, it } from "vitest";
import type { Task } from "../../../workers/core-services/schedule/schema/task.ts";
import { inAgenda, OK, runUntil, settled, SPONSOR, START_MS } from "./agenda-world.ts";

const CALL: Task["action"] = { service: "db", method: "get", params: ["a", "b"] };
const NOT_KEYED = { once: undefined };
const inAMinute = new Date(START_MS + 60_000).toISOString();

it("10,000 tasks that are due at once are entered in turns, started as there is room, and each once", async () => {
  await inAgenda(async (agenda, world) => {
    for (let i = 0; i < 10_000; i++) agenda.create(`t${i}`, { at: inAMinute, action: CALL }, SPONSOR, NOT_KEYED);
    world.nowMs = START_MS + 60_000;
    agenda.woken();
    let turns = 1;
    for (; agenda.tick(); turns++) await settled();
    expect(turns).toBe(50);
    expect(world.handed).toHaveLength(512);
    // One ends, one starts.
    await world.handed[0]?.end(OK);
    expect(world.handed).toHaveLength(513);
    world.always = OK;
    for (const { end } of world.handed.slice(1, 513)) void end(OK);
    while (world.handed.length < 10_000 || agenda.stats(undefined).open.running > 0) await settled();
    expect(new Set(world.handed.map(({ work }) => work.run.task)).size).toBe(10_000);
    expect(world.handed).toHaveLength(10_000);
    expect(agenda.stats(undefined)).toMatchObject({ ended: { ok: 10_000, failed: 0 }, tasks: { completed: 10_000 } });
  });
});

it("a task with a thousand runs to do does not keep others from starting", async () => {
  await inAgenda(async (agenda, world) => {
    const first = new Date(START_MS - 1_000_000).toISOString();
    agenda.create("greedy", { every: "1s", startAt: first, overlap: "allowAll", action: CALL }, SPONSOR, NOT_KEYED);
    agenda.backfill("greedy", { fromMs: START_MS - 1_000_000, toMs: START_MS, overlap: "allowAll", dryRun: false }, NOT_KEYED);
    expect(world.handed.map(({ work }) => work.run.task)).toEqual(Array.from({ length: 512 }, () => "greedy"));
    agenda.pause("greedy", undefined, NOT_KEYED);
    agenda.create("modest", { at: new Date(START_MS + 2_000).toISOString(), action: CALL }, SPONSOR, NOT_KEYED);
    await runUntil(agenda, world, START_MS + 3_000);
    await world.handed[0]?.end(OK);
    expect(world.handed.at(-1)?.work.run.task).toBe("modest");
  });
});

it("code takes the places that are left of those that its sponsor has", async () => {
  await inAgenda(async (agenda, world) => {
    for (let i = 0; i < 40; i++) agenda.create(`t${i}`, { at: inAMinute, action: { code: "1" } }, SPONSOR, NOT_KEYED);
    await runUntil(agenda, world, START_MS + 60_000);
    expect(world.handed).toHaveLength(32);
    const refused = {
      ok: false,
      isCancelled: false,
      places: 10,
      failure: { code: "LIMIT_EXCEEDED", message: "no place", kind: "later" },
    } as const;
    for (const handed of world.handed.slice(10)) await handed.end(refused);
    for (const handed of world.handed.slice(0, 10)) await handed.end(OK);
    await runUntil(agenda, world, START_MS + 120_000);
    // A fifth is left to who calls.
    expect(world.handed.length - 32).toBe(8);
  });
});
