import { newHttpBatchRpcSession } from "capnweb";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

/** As much of the surface as is used here. */
interface Rpc {
  authenticate(credential: string): { whoami(): Promise<Record<string, unknown>> };
}

interface Key {
  id: string;
  key: string;
}

/** Calls a method of auth; by the root key if no other is given. */
async function call(
  method: string,
  params: unknown,
  key = host.rootKey,
): Promise<{ status: number; headers: Headers; body: { result?: unknown } }> {
  const response = await host.ask(`/rpc/auth/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ params }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as { result?: unknown } };
}

async function newKey(...params: unknown[]): Promise<Key> {
  const { body } = await call("createApiKey", params);
  return body.result as Key;
}

const get = (path: string, key: string, headers: Record<string, string> = {}) =>
  fetch(host.url + path, { headers: { authorization: `Bearer ${key}`, ...headers } });

describe("an API key over HTTP", () => {
  it("opens the routes that it grants, and GET /auth says which", async () => {
    const { key, id } = await newKey("http", ["db:read"], { rateLimits: [{ name: "minute", limit: 50, windowMs: 60_000 }] });
    const response = await get("/auth", key);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      principal: { kind: "key", id, tenant: "root", tier: "internal" },
      scopes: ["db:read"],
      credential: { id },
      rates: [{ name: "key-minute", limit: 50, windowSeconds: 60, remaining: 49 }],
    });
    expect(response.headers.get("ratelimit-policy")).toBe('"key-minute";q=50;w=60');
    expect(response.headers.get("ratelimit")).toMatch(/^"key-minute";r=49;t=\d+$/);
    const post = (method: string, params: unknown[]) =>
      host.ask(`/rpc/db/${method}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ params }),
      });
    expect((await post("get", ["a", "b"])).status).toBe(200);
    const denied = await post("upsert", ["a", "b", {}]);
    expect(denied.status).toBe(403);
    expect(await denied.json()).toMatchObject({ code: "PERMISSION_DENIED", reason: "MISSING_SCOPE" });
    expect(denied.headers.get("ratelimit")).toContain("r=47");
    expect((await host.execute({ code: "return 1" }, { authorization: `Bearer ${key}` })).status).toBe(403);
    expect((await get("/executions", key)).status).toBe(403);
  });

  it("is refused on the first request after it was revoked, again and again", async () => {
    for (let i = 0; i < 20; i++) {
      const { key, id } = await newKey("revoked", ["db:*"]);
      expect((await get("/auth", key)).status).toBe(200);
      await call("revokeApiKey", [id]);
      const response = await get("/auth", key);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "UNAUTHENTICATED", reason: "CREDENTIAL_REVOKED" });
    }
  });

  it("with a limit of N per minute, 10 N concurrent requests admit exactly N", async () => {
    const limit = 20;
    const { key } = await newKey("limited", ["db:*"], { rateLimits: [{ name: "minute", limit, windowMs: 60_000 }] });
    const answers = await Promise.all(Array.from({ length: 10 * limit }, () => get("/auth", key)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(limit);
    expect(statuses.filter((status) => status === 429)).toHaveLength(9 * limit);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused?.headers.get("ratelimit")).toMatch(/^"key-minute";r=0;t=\d+$/);
    expect(await refused?.json()).toMatchObject({ code: "RATE_LIMITED", retryable: true, retryAfterMs: expect.any(Number) });
  });

  it.each([
    ["a key with one character other", (key: string) => `${key.slice(0, -8)}${key.at(-8) === "A" ? "B" : "A"}${key.slice(-7)}`],
    ["a key in capitals", (key: string) => key.toUpperCase()],
    ["a key in padding", (key: string) => `${key}==`],
    ["half a key", (key: string) => key.slice(0, 40)],
    ["a key twice", (key: string) => key + key],
    ["9,000 characters", () => "x".repeat(9_000)],
  ])("%s is 401 and says nothing more", async (_name, spoil) => {
    const { key } = await newKey("spoilt", ["db:*"]);
    const response = await get("/auth", spoil(key));
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ reason: "BAD_CREDENTIAL", message: "Cannot authenticate: the credential is not valid" });
  });

  it("with a list of addresses is refused here, whatever header names an address", async () => {
    const { key } = await newKey("placed", ["db:*"], { addresses: ["192.0.2.7"] });
    for (const name of ["x-do-peer", "cf-connecting-ip", "x-forwarded-for", "x-real-ip", "forwarded"]) {
      const response = await get("/auth", key, { [name]: "192.0.2.7" });
      expect(response.status, name).toBe(403);
      expect(await response.json()).toMatchObject({ reason: "ADDRESS_NOT_ALLOWED" });
    }
  });

  it("opens a WebSocket, whose calls are counted and end with the key", async () => {
    const { key, id } = await newKey("socket", ["db:read"], { rateLimits: [{ name: "minute", limit: 50, windowMs: 60_000 }] });
    const request = httpRequest(`${host.url}/rpc`, {
      headers: {
        authorization: `Bearer ${key}`,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    const opened = new Promise<number | undefined>((resolve, reject) => {
      request.once("upgrade", (response, socket) => {
        socket.destroy();
        resolve(response.statusCode);
      });
      request.once("response", (response) => resolve(response.statusCode));
      request.once("error", reject);
    });
    request.end();
    expect(await opened).toBe(101);

    using session = newHttpBatchRpcSession<Rpc>(`${host.url}/rpc`);
    expect(await session.authenticate(key).whoami()).toMatchObject({ principal: { id }, rates: [{ limit: 50, remaining: 47 }] });
    await call("revokeApiKey", [id]);
    using again = newHttpBatchRpcSession<Rpc>(`${host.url}/rpc`);
    await expect(again.authenticate(key).whoami()).rejects.toMatchObject({ code: "UNAUTHENTICATED", reason: "CREDENTIAL_REVOKED" });
  });
});
