import { describe, expect, it } from "vitest";
import { allows, policy } from "../../workers/do/src/policy.ts";
import { ANONYMOUS, principalFromProps, ROOT } from "../../workers/do/src/principal.ts";

const of = (tier: string) => policy({ kind: "key", id: "k", tenant: "t", tier });

describe("the tiers of the contract", () => {
  it.each([
    ["internal", 30_000, 120_000, 10_000, 512, 10_000, 1_048_576, 8_388_608, 8_388_608, 1_048_576, 100, null, 8],
    ["tenant", 10_000, 30_000, 1_000, 256, 1_000, 1_048_576, 1_048_576, 1_048_576, 262_144, 10, 600, 7],
    ["public", 5_000, 10_000, 200, 128, 100, 262_144, 262_144, 262_144, 65_536, 2, 60, 1],
  ])(
    "%s",
    (tier, wallMs, wallMsMost, cpuMs, memoryMb, calls, codeBytes, inputBytes, resultBytes, logBytes, concurrent, perMinute, services) => {
      const { limits, ...rest } = of(tier);
      expect(limits).toEqual({ wallMs, cpuMs, memoryMb, calls, codeBytes, inputBytes, resultBytes, logBytes });
      expect(rest).toMatchObject({ tier, wallMsMost, concurrent, perMinute });
      expect(rest.services).toHaveLength(services);
    },
  );

  it("anonymous may nothing, and a tier that is not there refuses", () => {
    expect(policy(ANONYMOUS)).toMatchObject({ mayExecute: false, scopes: [], services: [] });
    expect(() => of("gold")).toThrow('tier "gold" is not defined');
    expect(() => of("constructor")).toThrow("is not defined");
  });

  it("is pure", () => expect(policy(ROOT)).toEqual(policy({ ...ROOT })));
});

describe("scopes", () => {
  it.each([
    [["*"], "db", "read", "users", true],
    [["db:*"], "db", "write", "users", true],
    [["db:read"], "db", "read", "users", true],
    [["db:read"], "db", "write", "users", false],
    [["db:read:orders/*"], "db", "read", "orders/1", true],
    [["db:read:orders/*"], "db", "read", "orders", false],
    [["db:read:orders"], "db", "read", "orders2", false],
    [["db:read:a", "db:read:b"], "db", "read", "b", true],
    [["dbx:*", "db"], "db", "read", "x", false],
    [[], "db", "read", "x", false],
    [["db:*:users"], "db", "write", "users", true],
    [["db:*:users"], "db", "write", "other", false],
  ] as const)("%j for %s:%s:%s is %s", (scopes, service, action, resource, expected) => {
    expect(allows(scopes, service, action, resource)).toBe(expected);
  });
});

describe("principalFromProps()", () => {
  it("none is anonymous, a whole one is it, any other is a mistake", () => {
    for (const none of [undefined, null, {}]) expect(principalFromProps(none)).toBe(ANONYMOUS);
    const principal = { kind: "service", id: "s", tenant: "t", tier: "tenant" } as const;
    expect(principalFromProps({ principal })).toEqual(principal);
    for (const bad of [
      { principal: null },
      { tenant: "t" },
      { principal: { ...principal, tenant: "" } },
      { principal: { ...principal, id: "a/b" } },
    ]) {
      expect(() => principalFromProps(bad)).toThrow();
    }
  });
});
