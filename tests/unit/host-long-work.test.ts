import { expect, it } from "vitest";
import { LONG_WORK, LongWork, type Served } from "../../host/src/process/long-work.ts";

/** A process whose CPU time and answers the test decides on. */
function store() {
  const process = { pid: 7 as number | undefined, cpuMs: 0, asked: 0, answer: () => {}, lose: () => {} };
  const served: Served = {
    get pid() {
      return process.pid;
    },
    ask: () => {
      process.asked++;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      process.answer = resolve;
      process.lose = () => reject(new Error("gone"));
      return promise;
    },
  };
  const nice: [number, number][] = [];
  const accounting = { everyMs: 10, usage: () => ({ cpuMs: process.cpuMs, memoryMb: 1 }) };
  const watch = new LongWork([served], { accounting, giveWay: (pid, value) => nice.push([pid, value]) });
  const look = (usedMs: number) => {
    process.cpuMs += usedMs;
    watch.look();
  };
  look(0);
  return { process, nice, look };
}
const turn = () => new Promise((resolve) => void setImmediate(resolve));
const { busyMs, nice: NICE } = LONG_WORK;

it("who works and answers keeps its priority, and who works hardly is not asked", async () => {
  const { process, nice, look } = store();
  look(busyMs - 1);
  expect(process.asked).toBe(0);
  for (let i = 0; i < 3; i++) {
    look(busyMs);
    process.answer();
    // oxlint-disable-next-line no-await-in-loop -- it answers between two looks
    await turn();
  }
  expect({ asked: process.asked, nice }).toEqual({ asked: 3, nice: [] });
});

it("who is at the same from one look to the next gives way until it answers", async () => {
  const { process, nice, look } = store();
  look(busyMs);
  look(1);
  look(busyMs);
  expect({ asked: process.asked, nice }).toEqual({ asked: 1, nice: [[7, NICE]] });
  process.answer();
  await turn();
  expect(nice).toEqual([
    [7, NICE],
    [7, 0],
  ]);
});

it("who waits for the disk does not, and who takes the place of one that was ended begins anew", async () => {
  const { process, nice, look } = store();
  look(busyMs);
  look(0);
  expect(nice).toEqual([]);
  look(busyMs);
  expect(nice).toEqual([[7, NICE]]);
  process.lose();
  process.pid = 8;
  await turn();
  look(busyMs);
  look(1);
  expect({ nice, asked: process.asked }).toEqual({ nice: [[7, NICE]], asked: 1 });
  look(busyMs);
  expect(process.asked).toBe(2);
});
