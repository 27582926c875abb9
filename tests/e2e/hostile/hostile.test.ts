import { afterAll, beforeAll, expect, it } from "vitest";
import type { EncodedAnswer } from "../../../sdk/src/types.ts";
import { PROGRAMS, SQL_PROGRAMS } from "./programs.ts";
import { attack, nameOnShard, newTenant, say, startTenants, streamOf, type Tenants } from "./run.ts";

let tenants: Tenants;
beforeAll(async () => {
  tenants = await startTenants();
});
afterAll(() => tenants.host.stop());

/** What the other tenant's stream may be slower by. */
const MOST_SLOWER_MS = 100;
const COUNT = PROGRAMS.length + SQL_PROGRAMS.length;

function execute(key: string, request: object): Promise<EncodedAnswer> {
  return tenants.host.execute(request, { authorization: `Bearer ${key}` }).then((response) => response.json() as Promise<EncodedAnswer>);
}

it(`${COUNT} hostile programs end as they must, and another tenant loses nothing and hardly any time`, async () => {
  expect(COUNT).toBeGreaterThanOrEqual(40);
  expect(new Set([...PROGRAMS, ...SQL_PROGRAMS].map(({ name }) => name)).size).toBe(COUNT);
  const before = await streamOf(tenants, (answered) => answered >= 300);
  const { wrong, under } = await attack(tenants);
  const after = await streamOf(tenants, (answered) => answered >= 300);
  console.log([say("alone", before), say(`beside ${COUNT} hostile programs`, under), say("alone again", after)].join("\n"));
  expect(wrong).toEqual([]);
  expect([...before.wrong, ...under.wrong, ...after.wrong]).toEqual([]);
  expect(under.p99Ms).toBeLessThanOrEqual(MOST_SLOWER_MS + Math.max(before.p99Ms, after.p99Ms));
}, 180_000);

it("what an execution leaves running is not charged to the tenant's next one", async () => {
  for (let ms = 1; ms <= 6; ms++) {
    await execute(tenants.keys.hostile, { code: `setTimeout(() => { for (;;); }, ${ms}); return 1` });
    const next = await execute(tenants.keys.hostile, { code: "console.log(1); return 2" });
    expect(next).toMatchObject({ outcome: "ok", result: 2 });
  }
});

it("a neighbour on the shard of an endless statement waits for its end, and loses nothing", async () => {
  const neighbour = await newTenant(tenants.host, nameOnShard("neighbour", 1), "good");
  const write = (id: string) =>
    execute(neighbour, { code: `return (await db.upsert("c", input, { id: input })).entity.version`, input: id });
  expect(await write("before")).toMatchObject({ outcome: "ok", result: 1 });
  const endless = execute(tenants.keys.sql, {
    code: `await db.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")`,
    timeoutMs: 300,
  });
  // Its caller is gone long before the statement is.
  expect(await endless).toMatchObject({ outcome: "timeout" });
  const { result, error } = await write("during");
  expect({ result, error }).toEqual({ result: 1, error: undefined });
  const kept = await execute(neighbour, { code: `return (await db.list("c")).items.map((item) => [item.id, item.version])` });
  expect(kept.result).toEqual([
    ["before", 1],
    ["during", 1],
  ]);
});

it("statements that were ended are no crash loop", async () => {
  expect((await fetch(`${tenants.host.url}/ready`)).status).toBe(200);
});
