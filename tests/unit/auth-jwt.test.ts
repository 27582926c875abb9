import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifyJwt, type JWK } from "../../workers/core-services/auth/jwt/verify.ts";
import { Turns } from "../../workers/core-services/auth/oauth/turns.ts";

const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token and the key that it is signed by, of so many bits. */
function signed(bits: number, more: Partial<JWK> = {}): { token: string; key: JWK } {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const body = `${b64({ alg: "RS256", kid: "k" })}.${b64({ sub: "ada" })}`;
  const token = `${body}.${sign("sha256", Buffer.from(body), privateKey).toString("base64url")}`;
  return { token, key: { ...(publicKey.export({ format: "jwk" }) as JWK), kid: "k", ...more } };
}

describe("verifyJwt()", () => {
  it("takes a key of 2,048 bits, and none of fewer", async () => {
    const [strong, weak] = [signed(2_048), signed(1_024)];
    expect((await verifyJwt(strong.token, [strong.key], ["RS256"]))?.claims).toEqual({ sub: "ada" });
    expect(await verifyJwt(weak.token, [weak.key], ["RS256"])).toBeUndefined();
  });

  it.each([
    ["another algorithm", { alg: "PS256" }],
    ["encryption", { use: "enc" }],
    ["signing only", { key_ops: ["sign"] }],
    ["another id", { kid: "other" }],
  ])("takes no key that is for %s", async (_name, more) => {
    const { token, key } = signed(2_048, more);
    expect(await verifyJwt(token, [key], ["RS256"])).toBeUndefined();
  });

  it("takes no algorithm that is not in the list", async () => {
    const { token, key } = signed(2_048);
    expect(await verifyJwt(token, [key], ["ES256", "PS256"])).toBeUndefined();
  });
});

describe("turns", () => {
  it("are taken one after the other, and one that fails holds up no other", async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const work = (name: string, fails = false) =>
      turns.take(async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => void setImmediate(resolve));
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([work("a"), work("b", true), work("c")]);
    expect(seen).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });
});
