import { afterAll, beforeAll, expect, it } from "vitest";
import { attack, say, startTenants, streamOf, type Tenants } from "../hostile/run.ts";

const ROUNDS = 5;

let tenants: Tenants;
beforeAll(async () => {
  tenants = await startTenants();
});
afterAll(() => tenants.host.stop());

it(`${ROUNDS} rounds of hostile programs on one host`, async () => {
  const alone = await streamOf(tenants, (answered) => answered >= 1_000);
  console.log(say("alone", alone));
  for (let round = 1; round <= ROUNDS; round++) {
    const { wrong, under } = await attack(tenants);
    console.log(say(`round ${round}`, under));
    expect(wrong).toEqual([]);
    expect(under.wrong).toEqual([]);
    expect(under.p99Ms).toBeLessThanOrEqual(100 + alone.p99Ms);
  }
}, 900_000);
