import { expect, it } from "vitest";
import { placesFor } from "../../host/src/pool/share.ts";

const size = { min: 2, max: 8, reserve: 4 };

it("executions that executions start leave room for a tenant that has none", () => {
  // Six roots of one tenant, which is all that it gets, and as many that they start as there is room for.
  const roots = 6;
  let leased = roots;
  while (placesFor({ size, depth: 1, leased, roots, holdings: leased }) > 0) leased++;
  expect(leased).toBe(10);
  expect(placesFor({ size, depth: 0, leased, roots, holdings: leased })).toBe(0);
  expect(placesFor({ size, depth: 0, leased, roots, holdings: 0 })).toBe(2);
});

it("executions that others wait for have the whole reserve when callers hold all that is theirs", () => {
  expect(placesFor({ size, depth: 1, leased: 8, roots: 8, holdings: 1 })).toBe(4);
  expect(placesFor({ size, depth: 1, leased: 12, roots: 8, holdings: 1 })).toBe(0);
});
