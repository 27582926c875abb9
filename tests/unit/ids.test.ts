import * as fc from "fast-check";
import { expect, it } from "vitest";
import { newId } from "../../workers/core-services/shared/ids.ts";

/** As the specification has it: 128 bits, five at a time. */
function ulid(nowMs: number, random: Uint8Array): string {
  let rest = (BigInt(nowMs) << 80n) | random.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let n = 0; n < 26; n++, rest >>= 5n) text = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".charAt(Number(rest & 31n)) + text;
  return text;
}

it("an id is a ULID, of any time and random bits", () =>
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uint8Array({ minLength: 10, maxLength: 10 }), (nowMs, random) => {
      expect(newId("x", nowMs, random)).toBe(`x_${ulid(nowMs, random)}`);
    }),
  ));

it("no two are the same, and those of a later time sort after", () => {
  const ids = Array.from({ length: 1_000 }, () => newId("x", 1));
  expect(new Set(ids).size).toBe(1_000);
  expect(newId("x", 2) > (ids.toSorted().at(-1) ?? "")).toBe(true);
});
