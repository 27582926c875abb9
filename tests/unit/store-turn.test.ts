import { expect, it } from "vitest";
import { Turn } from "../../workers/do/src/stores/turn.ts";

it("goes from tenant to tenant, and to one at a time", async () => {
  const turn = new Turn();
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const run = (name: string) => async () => {
    most = Math.max(most, ++running);
    order.push(name);
    await Promise.resolve();
    running--;
  };
  const all = ["a1", "a2", "a3", "a4", "b1", "b2"].map((name) => turn.take(name.slice(0, 1), run(name)));
  // One who comes in the moment in which the first leaves does not go beside who waited.
  const late = all[0]?.then(() => turn.take("c", run("c1")));
  await Promise.all([...all, late]);
  expect(most).toBe(1);
  expect(order).toEqual(["a1", "a2", "b1", "a3", "c1", "b2", "a4"]);
});

it("a tenant that waits a hundred times does not keep another one out", async () => {
  const turn = new Turn();
  const first = Promise.withResolvers<void>();
  const waiting = [turn.take("a", () => first.promise), ...Array.from({ length: 100 }, () => turn.take("a", async () => {}))];
  await expect(turn.take("a", async () => {})).rejects.toMatchObject({ reason: "STORE_BUSY" });
  const other = turn.take("b", async () => "b");
  first.resolve();
  expect(await other).toBe("b");
  await Promise.all(waiting);
});
