import { describe, expect, it } from "vitest";
import { danger, isLoopback } from "../../host/src/safety.ts";

describe("danger()", () => {
  it.each([
    ["bubblewrap", true, false, false],
    ["user", true, true, false],
    ["user", true, false, true],
    ["limits", false, true, false],
    ["limits", false, false, true],
    ["limits", true, true, true],
  ] as const)("%s, root %s, only here %s: must be said %s", (confinement, isRoot, isOnlyHere, must) => {
    expect(danger({ confinement, isRoot, isOnlyHere }) !== undefined).toBe(must);
  });
});

it("knows what only this machine reaches", () => {
  expect(["127.0.0.1", "127.1.2.3", "::1", "localhost"].every(isLoopback)).toBe(true);
  expect(["0.0.0.0", "::", "10.0.0.1", "192.168.0.127"].some(isLoopback)).toBe(false);
});
