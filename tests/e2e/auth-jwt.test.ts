import { createHmac, createPublicKey } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import jwt from "jsonwebtoken";
import { JwksClient } from "jwks-rsa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let issuer: Server;
let issuerUrl: string;
/** What the issuer serves, and how often it was asked. */
const served: { keys: JWK[]; status: number; asked: number } = { keys: [], status: 200, asked: 0 };
let es256: { privateKey: CryptoKey; jwk: JWK };
let rs256: { privateKey: CryptoKey; jwk: JWK };

async function newKey(alg: string, kid: string): Promise<{ privateKey: CryptoKey; jwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

beforeAll(async () => {
  es256 = await newKey("ES256", "ec-1");
  rs256 = await newKey("RS256", "rsa-1");
  served.keys = [es256.jwk, rs256.jwk];
  issuer = createServer((_request, response) => {
    served.asked++;
    response.writeHead(served.status, { "content-type": "application/json" }).end(JSON.stringify({ keys: served.keys }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const trusted = {
    issuer: "https://idp.example",
    jwksUrl: `${issuerUrl}/jwks`,
    audience: "do-api",
    algorithms: ["ES256", "RS256"],
    tenant: { claim: "org" },
    tier: { claim: "plan", values: { pro: "tenant", free: "public" } },
  };
  host = await testHost({
    loopbackOrigins: [issuerUrl],
    issuers: [trusted, { ...trusted, issuer: "https://down.example", jwksUrl: `${issuerUrl}/down` }],
  });
});
afterAll(async () => {
  issuer.close();
  await host.stop();
});

const now = () => Math.floor(Date.now() / 1_000);
const CLAIMS = { iss: "https://idp.example", sub: "ada", aud: "do-api", org: "acme", plan: "pro", scope: "db:read executions:write" };

function token(
  claims: object = {},
  { key = es256, alg = "ES256", header = {} }: { key?: typeof es256; alg?: string; header?: object } = {},
) {
  const all = { ...CLAIMS, iat: now(), exp: now() + 60, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg, kid: String(key.jwk.kid), ...header }).sign(key.privateKey);
}

async function who(credential: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${host.url}/auth`, { headers: { authorization: `Bearer ${credential}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function call(method: string, params: unknown[], key = host.rootKey): Promise<Record<string, unknown>> {
  const response = await host.ask(`/rpc/auth/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ params }),
  });
  const body = (await response.json()) as { result?: Record<string, unknown> };
  return body.result ?? body;
}

const b64 = (value: object | string) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

describe("tokens of another issuer", () => {
  it("stand for the tenant, tier and scopes that their claims lead to", async () => {
    for (const [key, alg] of [
      [es256, "ES256"],
      [rs256, "RS256"],
    ] as const) {
      const { status, body } = await who(await token({}, { key, alg }));
      expect(status).toBe(200);
      expect(body).toMatchObject({
        principal: { kind: "user", id: expect.stringMatching(/^jwt_[0-9a-f]{40}$/), tenant: "acme", tier: "tenant" },
        scopes: ["db:read", "executions:write"],
        limits: { perMinute: 600 },
      });
    }
    expect((await who(await token({ plan: "free" }))).body).toMatchObject({ principal: { tier: "public" } });
    const run = await host.execute(
      { code: "return (await env.DO.whoami()).principal.tenant" },
      { authorization: `Bearer ${await token()}` },
    );
    expect(await run.json()).toMatchObject({ result: "acme" });
  });

  it.each([
    ["an expired one", { exp: 1_000, iat: 900 }, "TOKEN_EXPIRED"],
    ["one that is not valid yet", { nbf: 4_000_000_000 }, "TOKEN_NOT_YET_VALID"],
    ["one from the future", { iat: 4_000_000_000 }, "TOKEN_NOT_YET_VALID"],
    ["one for another audience", { aud: "other-api" }, "WRONG_AUDIENCE"],
    ["one for an audience that only begins so", { aud: "do-api-2" }, "WRONG_AUDIENCE"],
    ["one without audience", { aud: undefined }, "WRONG_AUDIENCE"],
    ["one of another issuer", { iss: "https://evil.example" }, "ISSUER_NOT_TRUSTED"],
    ["one of an issuer with a slash more", { iss: "https://idp.example/" }, "ISSUER_NOT_TRUSTED"],
    ["one without issuer", { iss: undefined }, "ISSUER_NOT_TRUSTED"],
    ["one without expiry", { exp: undefined }, "TOKEN_MALFORMED"],
    ["one whose expiry is text", { exp: "4000000000" }, "TOKEN_MALFORMED"],
    ["one without subject", { sub: undefined }, "TOKEN_MALFORMED"],
    ["one without tenant", { org: undefined }, "NO_TENANT"],
    ["one that names the operator's tenant", { org: "root" }, "NO_TENANT"],
    ["one that names a path", { org: "../root" }, "NO_TENANT"],
    ["one of a plan that is not in the list", { plan: "internal" }, "NO_TENANT"],
    ["one of a plan by an inherited name", { plan: "constructor" }, "NO_TENANT"],
  ])("%s is 401 and says why", async (_name, claims, reason) => {
    const { status, body } = await who(await token(claims));
    expect({ status, reason: body["reason"], code: body["code"] }).toEqual({ status: 401, reason, code: "UNAUTHENTICATED" });
  });

  it("half a minute of clocks is let pass, and no more", async () => {
    expect((await who(await token({ exp: now() - 20 }))).status).toBe(200);
    expect((await who(await token({ exp: now() - 40 }))).status).toBe(401);
    expect((await who(await token({ nbf: now() + 20 }))).status).toBe(200);
    expect((await who(await token({ nbf: now() + 40 }))).status).toBe(401);
  });

  it("nothing is made of one that could not be ended with it", async () => {
    for (const [method, params] of [
      ["exchangeToken", [await token(), { scopes: ["db:read"] }]],
      ["issueToken", [{ scopes: [] }]],
    ] as const) {
      const by = method === "issueToken" ? await token({ scope: "auth:*" }) : host.rootKey;
      expect(await call(method, [...params], by)).toMatchObject({ code: "PRECONDITION_FAILED", reason: "NO_CREDENTIAL" });
    }
  });

  it("a tier, role, tenant or permission in the token counts for nothing beyond its mapping", async () => {
    const { body } = await who(await token({ tier: "internal", role: "owner", tenant: "root", permissions: ["*"], scope: "*" }));
    expect(body).toMatchObject({ principal: { tenant: "acme", tier: "tenant" } });
    expect(body["scopes"]).not.toContain("*");
  });
});

describe("tokens that are forged or misspelt", () => {
  const forged: [string, () => string | Promise<string>, string][] = [
    ...["none", "None", "NONE", "nOnE"].map((alg): [string, () => string, string] => [
      `alg ${alg}`,
      () => `${b64({ alg })}.${b64({ ...CLAIMS, iat: now(), exp: now() + 60 })}.`,
      "TOKEN_MALFORMED",
    ]),
    [
      "alg none with a signature",
      () => `${b64({ alg: "none" })}.${b64({ ...CLAIMS, iat: now(), exp: now() + 60 })}.AAAA`,
      "TOKEN_MALFORMED",
    ],
    [
      "HS256 by the public key as a secret",
      () => {
        const body = `${b64({ alg: "HS256", kid: "rsa-1" })}.${b64({ ...CLAIMS, iat: now(), exp: now() + 60 })}`;
        const pem = createPublicKey({ key: rs256.jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
        return `${body}.${createHmac("sha256", pem).update(body).digest("base64url")}`;
      },
      "TOKEN_MALFORMED",
    ],
    [
      "RS256 by a key for ES256",
      async () => token({}, { key: { ...rs256, jwk: { ...rs256.jwk, kid: "ec-1" } }, alg: "RS256" }),
      "BAD_SIGNATURE",
    ],
    [
      "an algorithm that the issuer does not use",
      async () => token({}, { key: await newKey("PS256", "ps"), alg: "PS256" }),
      "BAD_SIGNATURE",
    ],
    ["another's key under a known id", async () => token({}, { key: await newKey("ES256", "ec-1") }), "BAD_SIGNATURE"],
    [
      "a key in its header",
      async () => token({}, { key: await newKey("ES256", "ec-1"), header: { jwk: (await newKey("ES256", "x")).jwk } }),
      "TOKEN_MALFORMED",
    ],
    ["a URL of keys in its header", async () => token({}, { header: { jku: `${issuerUrl}/evil` } }), "TOKEN_MALFORMED"],
    ["a certificate in its header", async () => token({}, { header: { x5c: ["AAAA"] } }), "TOKEN_MALFORMED"],
    ["an id of a key that is a path", async () => token({}, { header: { kid: "../../../../dev/null" } }), "TOKEN_MALFORMED"],
    ["an id of a key that is a statement", async () => token({}, { header: { kid: "' OR 1=1 --" } }), "TOKEN_MALFORMED"],
    ["an id of a key that is a number", async () => token({}, { header: { kid: 1 } }), "TOKEN_MALFORMED"],
    ["an inherited id of a key", async () => token({}, { header: { kid: "constructor" } }), "BAD_SIGNATURE"],
    ["a critical extension", () => `${b64({ alg: "ES256", crit: ["x"], x: 1 })}.${b64(CLAIMS)}.AAAA`, "TOKEN_MALFORMED"],
    ["four parts", async () => `${await token()}.AAAA`, "BAD_CREDENTIAL"],
    ["base64 with padding", async () => `${await token()}=`, "TOKEN_MALFORMED"],
    ["a header that is a list", () => `${b64([])}.${b64(CLAIMS)}.AAAA`, "TOKEN_MALFORMED"],
    ["claims that are no JSON", () => `${b64({ alg: "ES256" })}.${b64("no")}.AAAA`, "TOKEN_MALFORMED"],
    ["an empty signature", async () => (await token()).replace(/[^.]+$/, ""), "TOKEN_MALFORMED"],
    ["8,193 characters", async () => token({ padding: "x".repeat(8_193) }), "BAD_CREDENTIAL"],
  ];

  it.each(forged)("%s", async (_name, make, reason) => {
    const { status, body } = await who(await make());
    expect({ status, reason: body["reason"] }).toEqual({ status: 401, reason });
  });

  it("a signature spelt with other spare bits is another text, and refused", async () => {
    const good = await token();
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(good.at(-1) ?? "");
    expect((await who(good)).status).toBe(200);
    // 64 bytes are 86 characters: the last has four bits that nobody reads.
    for (let spare = 1; spare < 16; spare++) {
      expect((await who(good.slice(0, -1) + alphabet[last | spare])).body["reason"]).toBe("TOKEN_MALFORMED");
    }
  });
});

describe("the keys of another issuer", () => {
  it("are asked for once, not for each token, nor for each id that somebody makes up", async () => {
    await who(await token());
    const before = served.asked;
    await Promise.all(Array.from({ length: 20 }, async (_, i) => who(await token({}, { header: { kid: `made-up-${i}` } }))));
    expect(served.asked - before).toBeLessThanOrEqual(1);
  });

  it("that cannot be had are 503, with a time to come again, and asked for less and less", async () => {
    served.status = 500;
    const before = served.asked;
    for (let i = 0; i < 10; i++) {
      const { status, body } = await who(await token({ iss: "https://down.example" }));
      expect({ status, reason: body["reason"] }).toEqual({ status: 503, reason: "JWKS_UNREACHABLE" });
      expect(body["retryAfterMs"]).toBeGreaterThan(0);
    }
    expect(served.asked - before).toBe(1);
    served.status = 200;
    // Those that are held go on.
    expect((await who(await token())).status).toBe(200);
  });
});

describe("tokens of our own", () => {
  it("are verified by a library that somebody else wrote, across a rotation of the keys", async () => {
    const client = new JwksClient({ jwksUri: `${host.url}/.well-known/jwks.json`, cache: false });
    const verify = async (text: string) => {
      const key = await client.getSigningKey(jwt.decode(text, { complete: true })?.header.kid);
      return jwt.verify(text, key.getPublicKey(), { algorithms: ["ES256"], issuer: host.url, audience: "billing" });
    };
    const issue = async () =>
      String((await call("issueToken", [{ audience: "billing", scopes: ["db:read"], claims: { plan: "pro" } }]))["token"]);
    const before = await issue();
    expect(await verify(before)).toMatchObject({ iss: host.url, sub: "root", tenant: "root", scope: "db:read", plan: "pro" });
    const { keyId, previousKeyId } = await call("rotateKeys", [{ overlapSeconds: 3 }]);
    const after = await issue();
    expect([before, after].map((text) => jwt.decode(text, { complete: true })?.header.kid)).toEqual([previousKeyId, keyId]);
    expect(await verify(before)).toMatchObject({ scope: "db:read" });
    expect(await verify(after)).toMatchObject({ scope: "db:read" });
    await expect
      .poll(async () => ((await (await fetch(`${host.url}/.well-known/jwks.json`)).json()) as { keys: JWK[] }).keys.map(({ kid }) => kid), {
        timeout: 15_000,
      })
      .toEqual([keyId]);
    await expect(verify(before)).rejects.toThrow("Unable to find a signing key");
  });

  it("show public halves only", async () => {
    const { keys } = (await (await fetch(`${host.url}/.well-known/jwks.json`)).json()) as { keys: JWK[] };
    expect(Object.keys(keys[0] ?? {}).toSorted()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
  });

  it("open what their scopes say, and end with what they were made from", async () => {
    const { key, id } = await call("createApiKey", ["source", ["db:*", "auth:*:tokens/*"]]);
    const { token: narrow, scopes } = await call("issueToken", [{ scopes: ["db:read"] }], String(key));
    expect(scopes).toEqual(["db:read"]);
    expect((await who(String(narrow))).body).toMatchObject({
      principal: { kind: "key", id, tenant: "root" },
      scopes: ["db:read"],
      credential: { id: expect.stringMatching(/^tok_/) },
    });
    expect(await call("issueToken", [{ scopes: ["queue:read"] }], String(key))).toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "BEYOND_GRANTS",
    });
    expect(await call("updateApiKey", [id, { permissions: ["queue:*"] }])).toMatchObject({ id });
    expect((await who(String(narrow))).body).toMatchObject({ scopes: [] });
    await call("revokeApiKey", [id]);
    expect(await who(String(narrow))).toMatchObject({ status: 401, body: { reason: "CREDENTIAL_REVOKED" } });
  });

  it("are revoked, validated, introspected and narrowed", async () => {
    const { token: text } = await call("issueToken", [{ scopes: ["db:*"], ttlSeconds: 60 }]);
    expect(await call("validateToken", [text, { scopes: ["db:read:x"] }])).toMatchObject({
      valid: true,
      kind: "jwt",
      permissions: ["db:*"],
    });
    expect(await call("validateToken", [text, { scopes: ["queue:read"] }])).toMatchObject({
      valid: false,
      reason: "INSUFFICIENT_PERMISSIONS",
    });
    expect(await call("introspect", [text])).toMatchObject({ active: true, scope: "db:*", sub: "root", iss: host.url });
    const { token: less } = await call("exchangeToken", [text, { scopes: ["db:read:orders"] }]);
    expect((await who(String(less))).body).toMatchObject({ scopes: ["db:read:orders"] });
    expect(await call("exchangeToken", [less, { scopes: ["db:read"] }])).toMatchObject({ reason: "BEYOND_GRANTS" });
    expect(await call("revokeToken", [text])).toEqual({ revoked: true });
    expect(await who(String(text))).toMatchObject({ status: 401, body: { reason: "CREDENTIAL_REVOKED" } });
    expect(await call("validateToken", [text])).toEqual({ valid: false, reason: "CREDENTIAL_REVOKED" });
    expect(await call("introspect", [text])).toEqual({ active: false });
    expect(await call("validateToken", ["nonsense"])).toEqual({ valid: false, reason: "BAD_CREDENTIAL" });
  });

  it("for another audience, or asked of another address, are refused here", async () => {
    const { token: text } = await call("issueToken", [{ audience: "billing" }]);
    expect(await who(String(text))).toMatchObject({ status: 401, body: { reason: "WRONG_AUDIENCE" } });
    const { token: here } = await call("issueToken", []);
    const elsewhere = await fetch(`${host.url.replace("127.0.0.1", "localhost")}/auth`, {
      headers: { authorization: `Bearer ${String(here)}` },
    });
    expect(elsewhere.status).toBe(401);
  });

  it.each([
    [{ ttlSeconds: 3_601 }, "ttlSeconds"],
    [{ claims: { sub: "somebody" } }, "must not name"],
    [{ claims: { tenant: "root" } }, "must not name"],
    [{ scopes: ["nonsense"] }, "must be a permission"],
  ])("issueToken(%j) is refused", async (options, why) => {
    expect(await call("issueToken", [options])).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(why) });
  });
});
