import { expect, it } from "vitest";
import { killRounds } from "../../support/durability.ts";

const ROUNDS = 50;

it(`what was acknowledged outlives SIGKILL, ${ROUNDS} rounds`, { timeout: 600_000 }, async () => {
  const { acknowledged } = await killRounds(ROUNDS);
  console.log(`${ROUNDS} rounds, ${acknowledged} acknowledged writes, none lost`);
  expect(acknowledged).toBeGreaterThan(ROUNDS * 4);
});
