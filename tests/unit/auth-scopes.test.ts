import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allows, beyond, covers, intersect, isScope, simplify } from "../../workers/core-services/auth/scopes.ts";

/** The grammar again, as plainly as it can be said: every question is asked of every request of a small world. */
const NAMES = ["a", "b"];
const RESOURCES = ["", "x", "xy", "xyz", "y", "x/1", "x/2", "*"];
const WORLD = NAMES.flatMap((service) => NAMES.flatMap((action) => RESOURCES.map((resource) => ({ service, action, resource }))));

interface Asked {
  service: string;
  action: string;
  resource: string;
}

function grantsNaively(scope: string, { service, action, resource }: Asked): boolean {
  if (scope === "*") return true;
  const [s = "", a = "", ...rest] = scope.split(":");
  const pattern = rest.length === 0 ? "*" : rest.join(":");
  const isMatch = pattern.endsWith("*")
    ? pattern
        .slice(0, -1)
        .split("")
        .every((character, i) => resource[i] === character) && resource.length >= pattern.length - 1
    : pattern === resource;
  return (s === "*" || s === service) && (a === "*" || a === action) && isMatch;
}

const grantedBy = (scopes: readonly string[]) => WORLD.filter((asked) => scopes.some((scope) => grantsNaively(scope, asked)));

const name = fc.constantFrom(...NAMES, "*");
const pattern = fc.constantFrom(undefined, "x", "xy", "y", "*", "x*", "xy*", "x/*", "x/1", "y*");
const scope = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(name, name, pattern).map(([s, a, r]) => (r === undefined ? `${s}:${a}` : `${s}:${a}:${r}`)) },
  { weight: 1, arbitrary: fc.constant("*") },
);
const scopes = fc.array(scope, { maxLength: 5 });

describe("scopes, against a naive model", () => {
  it("allows() is the model", () => {
    fc.assert(
      fc.property(scopes, fc.constantFrom(...WORLD), (granted, asked) => {
        const { service, action, resource } = asked;
        expect(allows(granted, service, action, resource)).toBe(granted.some((one) => grantsNaively(one, asked)));
      }),
      { numRuns: 2_000 },
    );
  });

  it("intersect() grants what both grant, and nothing else", () => {
    fc.assert(
      fc.property(scopes, scopes, (first, second) => {
        const both = WORLD.filter((asked) => grantedBy(first).includes(asked) && grantedBy(second).includes(asked));
        expect(grantedBy(intersect(first, second))).toEqual(both);
      }),
      { numRuns: 1_000 },
    );
  });

  it("who holds what covers() says, holds all of it", () => {
    fc.assert(
      fc.property(scopes, scope, (held, wanted) => {
        const isHeld = grantedBy([wanted]).every((asked) => grantedBy(held).includes(asked));
        expect(isHeld || !covers(held, wanted)).toBe(true);
        expect(covers([wanted], wanted)).toBe(true);
        expect(beyond(held, held)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("simplify() changes nothing of what is granted", () => {
    fc.assert(
      fc.property(scopes, (granted) => {
        expect(grantedBy(simplify(granted))).toEqual(grantedBy(granted));
      }),
      { numRuns: 1_000 },
    );
  });

  it("never throws, whatever the text, and grants nothing by what is no scope", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, resource) => {
        expect(isScope(text) || !allows([text], "a", "a", resource)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(isScope("db:read")).toBe(true);
  });
});

describe("the grammar", () => {
  it.each(["*", "db:read", "db:*", "*:read", "db:read:orders/*", "mcp:call:github.*", "db:read:*", "auth:write:keys/", "db:read:a:b"])(
    "%s is a scope",
    (text) => expect(isScope(text)).toBe(true),
  );
  it.each([
    "",
    "db",
    "db:",
    ":read",
    "DB:read",
    "db:read:",
    "db:read:a b",
    'db:read:"',
    "db:read:a*b",
    "**",
    "db:read:a\n",
    `db:read:${"x".repeat(300)}`,
  ])("%j is none", (text) => expect(isScope(text)).toBe(false));
});
