import { expect, it } from "vitest";
import { connect } from "../../../sdk/src/index.ts";
import { testHost } from "../../support/host.ts";
import { killRounds } from "../../support/queue-durability.ts";

const ROUNDS = 50;

it(`no acknowledged message is lost, ${ROUNDS} rounds of SIGKILL`, { timeout: 900_000 }, async () => {
  const { sent, extra } = await killRounds(ROUNDS);
  console.log(`${ROUNDS} rounds, ${sent} acknowledged messages, none lost, ${extra} delivered once more`);
  expect(sent).toBeGreaterThan(ROUNDS * 10);
});

it("a batch that is in hand for longer than its lease is nobody else's", { timeout: 60_000 }, async () => {
  const host = await testHost();
  const { queue, db } = connect(host.url, host.rootKey);
  await queue.create("slow", { visibilityTimeoutSeconds: 1 });
  const code = `for (const { id, attempts } of input.messages) await db.insert("tries", { id, attempts }); await new Promise((r) => setTimeout(r, 15_000))`;
  await queue.subscribe("slow", { code, timeoutMs: 30_000 }, { batchWaitMs: 0, concurrency: 2 });
  await queue.send("slow", 1);
  await expect.poll(async () => (await queue.stats("slow")).totals.acked, { timeout: 40_000, interval: 200 }).toBe(1);
  expect((await db.list("tries")).items.map(({ data }) => data)).toMatchObject([{ attempts: 1 }]);
  await host.stop();
});
