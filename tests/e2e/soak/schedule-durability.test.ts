import { expect, it } from "vitest";
import { scheduleKillRounds } from "../../support/schedule-kills.ts";

const ROUNDS = 50;

it(`no run that is due is lost by SIGKILL, ${ROUNDS} rounds`, { timeout: 1_200_000 }, async () => {
  const { due, lost, doubled, withoutEffect, repeated, mostRepeats, failed } = await scheduleKillRounds(ROUNDS);
  console.log(
    `${ROUNDS} kills, ${due} times due, ${lost.length} lost, ${doubled.length} doubled, ${repeated} runs repeated, one at most ${mostRepeats} times`,
  );
  expect({ lost, doubled, withoutEffect, failed }).toEqual({ lost: [], doubled: [], withoutEffect: [], failed: [] });
  // At most one repetition for each kill that a run was in the middle of; a run is in the middle of one, seldom of two.
  expect(mostRepeats).toBeLessThanOrEqual(3);
});
