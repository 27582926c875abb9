import { expect, it } from "vitest";
import { killRounds } from "../../support/queue-durability.ts";

const ROUNDS = 50;

it(`no acknowledged message is lost, ${ROUNDS} rounds of SIGKILL`, { timeout: 900_000 }, async () => {
  const { sent, extra } = await killRounds(ROUNDS);
  console.log(`${ROUNDS} rounds, ${sent} acknowledged messages, none lost, ${extra} delivered once more`);
  expect(sent).toBeGreaterThan(ROUNDS * 10);
});
