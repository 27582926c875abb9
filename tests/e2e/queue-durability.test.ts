import { expect, it } from "vitest";
import { killRounds } from "../support/queue-durability.ts";

it("what was acknowledged outlives SIGKILL, groups keep their order, and one kill costs a message one delivery more at most", async () => {
  const { sent } = await killRounds(3);
  expect(sent).toBeGreaterThan(20);
});
