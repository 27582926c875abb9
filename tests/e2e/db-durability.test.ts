import { expect, it } from "vitest";
import { killRounds } from "../support/durability.ts";

it("what was acknowledged outlives SIGKILL, whole, with feed and search in step", async () => {
  const { acknowledged } = await killRounds(5);
  expect(acknowledged).toBeGreaterThan(20);
});
