import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isInNetworks, isNetwork } from "../../workers/core-services/auth/address.ts";
import { parseConfig } from "../../workers/core-services/auth/config.ts";
import { hashCredential, lastFourOf, newCredential, parseCredential, startOf } from "../../workers/core-services/auth/credential.ts";
import { take } from "../../workers/core-services/auth/gcra.ts";
import { DEFAULT_TIERS } from "../../workers/core-services/auth/tiers.ts";

const CREDENTIAL = { label: "live", tag: "7H2K9QXZ", ulid: "01M7YEBV9WQSQ34P2RRSS1QHFF" };

describe("the text of a credential", () => {
  it("says what it is of, and is 256 bits of secret that no two have", () => {
    const texts = Array.from({ length: 200 }, () => newCredential(CREDENTIAL));
    expect(new Set(texts).size).toBe(200);
    for (const text of texts) {
      expect(text).toMatch(/^do_live_7H2K9QXZ01M7YEBV9WQSQ34P2RRSS1QHFF_[0-9A-Za-z]{49}$/);
      expect(parseCredential(text)).toEqual(CREDENTIAL);
    }
    expect(newCredential(CREDENTIAL, new Uint8Array(32).fill(255)).split("_")[3]).toHaveLength(49);
  });

  it("is none with one character other, more or fewer", () => {
    const text = newCredential(CREDENTIAL);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom("0", "a", "Z", "_", "-", ".", " ", "\n"), (at, character) => {
        if (text[at] === character) return;
        expect(parseCredential(text.slice(0, at) + character + text.slice(at + 1))).toBeUndefined();
      }),
    );
    for (const other of [`${text} `, ` ${text}`, text.slice(0, -1), `${text}0`, text.toUpperCase(), `${text}\n`, ""]) {
      expect(parseCredential(other), JSON.stringify(other)).toBeUndefined();
    }
  });

  it("shows its beginning and its last four, and nothing of the secret but those", () => {
    const text = newCredential(CREDENTIAL);
    expect(startOf(text)).toBe("do_live_7H2K9QXZ");
    expect(text.endsWith(lastFourOf(text))).toBe(true);
    expect(hashCredential(text)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashCredential(text)).not.toBe(hashCredential(`${text} `));
  });
});

describe("networks", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.8", "192.0.2.7", false],
    ["192.0.2.255", "192.0.2.0/24", true],
    ["192.0.3.0", "192.0.2.0/24", false],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["2001:db8::1", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["::ffff:192.0.2.7", "192.0.2.0/24", true],
    ["::1", "::1", true],
    ["2001:db8::1", "0.0.0.0/0", false],
    ["fe80::1%eth0", "fe80::/10", false],
    ["no address", "0.0.0.0/0", false],
  ])("%s in %s: %s", (address, network, expected) => expect(isInNetworks(address, [network])).toBe(expected));

  it.each(["192.0.2.0/33", "192.0.2", "::/129", "a/8", "192.0.2.0/-1", "", "192.0.2.0/24/1"])("%j is no network", (text) =>
    expect(isNetwork(text)).toBe(false),
  );
});

describe("rates (GCRA)", () => {
  it.each([1, 7, 60, 600, 3_000])(
    "of %i in a minute, exactly so many are admitted at one time, and then one for each interval",
    (limit) => {
      const rate = { limit, windowMs: 60_000 };
      let tatMs = 0;
      const now = 1_700_000_000_000;
      const at = (nowMs: number) => {
        const taken = take(rate, tatMs, 1, nowMs);
        tatMs = taken.tatMs;
        return taken;
      };
      const burst = Array.from({ length: 10 * limit }, () => at(now));
      expect(burst.filter(({ admitted }) => admitted)).toHaveLength(limit);
      expect(burst[0]).toMatchObject({ admitted: true, remaining: limit - 1, retryAfterMs: 0 });
      const { retryAfterMs, remaining } = at(now);
      expect(remaining).toBe(0);
      expect(at(now + retryAfterMs - 2).admitted).toBe(false);
      expect(at(now + retryAfterMs).admitted).toBe(true);
      expect(at(now + retryAfterMs).admitted).toBe(false);
    },
  );

  it("what is refused takes nothing, and a dear request waits for as long as it must", () => {
    const rate = { limit: 10, windowMs: 10_000 };
    const first = take(rate, 0, 8, 1_000_000);
    const refused = take(rate, first.tatMs, 5, 1_000_000);
    expect(refused).toMatchObject({ admitted: false, tatMs: first.tatMs, remaining: 2, retryAfterMs: 3_000 });
    expect(take(rate, refused.tatMs, 5, 1_003_000).admitted).toBe(true);
  });
});

describe("the configuration", () => {
  it("is the tiers of the contract when there is none", () => {
    for (const none of [undefined, ""]) expect(parseConfig(none)).toMatchObject({ tiers: DEFAULT_TIERS, anonymousTier: undefined });
  });

  it("changes tiers and adds others", () => {
    const { tiers } = parseConfig(
      JSON.stringify({ tiers: { gold: { extends: "tenant", perMinute: null, limits: { cpuMs: 2_000 } }, public: { concurrent: 1 } } }),
    );
    expect(tiers.get("gold")).toMatchObject({ perMinute: null, concurrent: 10, limits: { cpuMs: 2_000, calls: 1_000 } });
    expect(tiers.get("public")).toMatchObject({ concurrent: 1, perMinute: 60 });
    expect(tiers.get("tenant")).toEqual(DEFAULT_TIERS.get("tenant"));
  });

  it.each([
    ["{", "it is not JSON"],
    ["[]", "it:"],
    ['{"tears": {}}', "tears"],
    ['{"tiers": {"gold": {}}}', "tiers.gold: extends must be one of"],
    ['{"tiers": {"Gold": {"extends": "tenant"}}}', "tiers.Gold"],
    ['{"tiers": {"public": {"concurrent": -1}}}', "tiers.public.concurrent"],
    ['{"tiers": {"public": {"perMinute": 0}}}', "tiers.public.perMinute"],
    ['{"tiers": {"public": {"scopes": ["everything"]}}}', "must be a scope"],
    ['{"tiers": {"public": {"limits": {"wallMs": 20000}}}}', "at most wallMsMost"],
    ['{"tiers": {"anonymous": {"perMinute": 5}}}', "use anonymousTier"],
    ['{"anonymousTier": "gold"}', 'there is no tier "gold"'],
    ['{"publicUrl": "http://do.example"}', "publicUrl: must be an https origin"],
    ['{"publicUrl": "https://do.example/path"}', "publicUrl: must be an https origin"],
  ])("%s is refused, saying why", (text, why) => {
    expect(() => parseConfig(text)).toThrow(why);
    expect(() => parseConfig(text)).toThrow(expect.objectContaining({ code: "UNAVAILABLE", reason: "CONFIG_INVALID" }));
  });
});
