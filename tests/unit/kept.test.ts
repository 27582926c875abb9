import { expect, it } from "vitest";
import { SILENT } from "../../host/src/log.ts";
import { Kept } from "../../host/src/process/kept.ts";
import type { Exit, WorkerdProcess } from "../../host/src/process/workerd.ts";

function fake(pid: number): WorkerdProcess {
  const { promise: ended, resolve } = Promise.withResolvers<Exit>();
  return { pid, socketPath: "", ended, kill: () => resolve({ code: null, signal: "SIGKILL", said: "" }), ask: async () => {} };
}

it("a process that is ended for its statements is there at once each time, and is in no crash loop", async () => {
  let pid = 0;
  const crashes: string[] = [];
  const kept = new Kept({
    name: "store",
    log: SILENT,
    onEnd: () => {},
    start: async () => fake(++pid),
    onCrash: (why) => void crashes.push(why),
  });
  await kept.open();
  for (let i = 0; i < 8; i++) await kept.restart();
  expect(pid).toBe(9);
  expect(crashes).toEqual([]);
  await kept.stop("SIGKILL", 0);
}, 1_000);

it("one that ends by itself is", async () => {
  const crashes: string[] = [];
  const processes = [fake(1), fake(2)];
  const [first] = processes;
  const kept = new Kept({
    name: "store",
    log: SILENT,
    onEnd: () => {},
    start: async () => processes.shift() ?? fake(3),
    onCrash: (why) => void crashes.push(why),
  });
  await kept.open();
  first?.kill("SIGKILL");
  await first?.ended;
  await kept.serving;
  expect(crashes).toHaveLength(1);
  await kept.stop("SIGKILL", 0);
});
