import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { Gates } from "../../../workers/core-services/auth/realm/gates.ts";
import { RealmAuthenticator } from "../../../workers/do/src/authenticate.ts";
import { newTenant } from "../support.ts";
import { admin } from "./support.ts";

const NOWHERE = {
  address: undefined,
  origin: undefined,
  resourcePath: "",
  cdnLoop: "",
  isGuest: false,
  cause: undefined,
  requestId: "req_01M7YEBV9WQSQ34P2RRSS1QHFF",
};

describe("a store that cannot be asked", () => {
  it("is 503, for a good key as for a bad one, and never anonymous", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("good", ["db:*"]);
    const working = new RealmAuthenticator(env, Date.now);
    expect((await working.authenticate(key, NOWHERE, 1)).principal.kind).toBe("key");
    // Another class is behind the binding: it does not know the question.
    const broken = new RealmAuthenticator({ ...env, REALM: env.ACCOUNTS as unknown as typeof env.REALM }, Date.now);
    await expect(broken.authenticate(key, NOWHERE, 1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "AUTH_UNAVAILABLE",
      retryable: true,
    });
    await expect(broken.authenticate("nonsense", NOWHERE, 1)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("without a root key, or with a short one, nobody is let in", async () => {
    const { auth } = admin();
    const { key } = await auth.createApiKey("good", ["db:*"]);
    for (const rootKey of [undefined, "", "x".repeat(15)]) {
      const { DO_ROOT_KEY: _, ...others } = env;
      const closed = new RealmAuthenticator(rootKey === undefined ? others : { ...others, DO_ROOT_KEY: rootKey }, Date.now);
      for (const credential of [key, "", rootKey ?? ""]) {
        await expect(closed.authenticate(credential, NOWHERE, 1)).rejects.toMatchObject({
          code: "UNAVAILABLE",
          reason: "AUTH_NOT_CONFIGURED",
        });
      }
    }
  });
});

describe("what is counted", () => {
  const bucket = { name: "principal", key: "p:x", limit: 3, windowMs: 60_000 };

  it("is still counted when the object has been away", async () => {
    await runInDurableObject(env.REALM.getByName(newTenant()), (_realm, { storage }) => {
      const before = new Gates(storage.sql);
      const now = Date.now();
      for (let i = 0; i < 3; i++) expect(before.take([bucket], 1, now).admitted).toBe(true);
      before.flush(now);
      const after = new Gates(storage.sql);
      expect(after.take([bucket], 1, now)).toMatchObject({ admitted: false, retryAfterMs: 20_000 });
      expect(after.take([bucket], 1, now + 20_000).admitted).toBe(true);
    });
  });

  it("is taken from all buckets or from none", async () => {
    await runInDurableObject(env.REALM.getByName(newTenant()), (_realm, { storage }) => {
      const gates = new Gates(storage.sql);
      const small = { ...bucket, key: "t", limit: 1 };
      expect(gates.take([bucket, small], 1, 0).admitted).toBe(true);
      for (let i = 0; i < 5; i++) expect(gates.take([bucket, small], 1, 0).admitted).toBe(false);
      expect(gates.take([bucket], 1, 0).states).toMatchObject([{ remaining: 1 }]);
    });
  });

  it("a place comes back when its holder lets go, or is gone for longer than it may be", async () => {
    await runInDurableObject(env.REALM.getByName(newTenant()), (_realm, { storage }) => {
      const gates = new Gates(storage.sql);
      const places = [{ key: "p:x", most: 1 }];
      const first = gates.acquire(places, 1_000, 0);
      expect(gates.acquire(places, 1_000, 0)).toEqual({ full: "p:x", most: 1 });
      gates.release(first as number);
      expect(gates.acquire(places, 1_000, 0)).toEqual(expect.any(Number));
      expect(gates.acquire(places, 1_000, 10_999)).toEqual({ full: "p:x", most: 1 });
      expect(gates.acquire(places, 20_000, 11_000)).toEqual(expect.any(Number));
    });
  });

  it("over RPC the refusal has the same numbers as over HTTP", async () => {
    const { auth, db } = admin(undefined, "public");
    const errors: { code?: string; retryAfterMs?: number; details?: { rates?: object[] } }[] = [];
    for (let i = 0; i < 62; i++) await (db.get("a", "b") as Promise<unknown>).catch((error: object) => errors.push(error));
    expect(errors[0]).toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: expect.any(Number),
      details: { rates: [{ name: "principal", limit: 60, windowSeconds: 60, remaining: 0 }, { name: "tenant" }] },
    });
    await expect(async () => auth.listApiKeys()).rejects.toMatchObject({ code: "RATE_LIMITED" });
  });
});
