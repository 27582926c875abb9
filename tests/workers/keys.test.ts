import { env, RpcTarget } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { BeginEntry, RunControl } from "../../workers/do/src/executions/schema.ts";
import { ENDED, startedAt } from "./entries.ts";
import { bindingFor, newTenant } from "./support.ts";

class NoControl extends RpcTarget implements RunControl {
  cancel(): void {}
  logs() {
    return [];
  }
}

/** A start with a cache key of one second. */
function cachedEntry(id: string, startedMs: number): BeginEntry {
  return { ...startedAt(id, startedMs), cache: { hash: "h", ttlSeconds: 1 } };
}

/** A program that counts its runs in the tenant's own database. */
const COUNT = `
  const at = await db.get("counts", "n");
  const n = ((at?.data.n as number) ?? 0) + 1;
  await db.upsert("counts", "n", { n });
  return n`;
const SLOW_COUNT = `await new Promise((r) => setTimeout(r, 30));${COUNT}`;

describe("cacheKey", () => {
  it("answers again without running, and says so", async () => {
    const DO = bindingFor("tenant");
    const first = await DO.execute({ code: COUNT, cacheKey: "k" });
    const second = await DO.execute({ code: COUNT, cacheKey: "k" });
    expect(first).toMatchObject({ result: 1, cacheHit: false });
    expect(second).toMatchObject({ result: 1, cacheHit: true, id: first.id });
    expect((await DO.execute({ code: COUNT })).result).toBe(2);
  });

  it("is nobody else's: another tenant with the same key and code runs its own", async () => {
    const [a, b] = [bindingFor("tenant"), bindingFor("tenant")];
    const code = "return (await env.DO.whoami()).principal.tenant";
    const [ofA, ofB] = [await a.execute({ code, cacheKey: "k" }), await b.execute({ code, cacheKey: "k" })];
    expect(ofA.result).not.toBe(ofB.result);
    expect(ofB.cacheHit).toBe(false);
  });

  it("is the policy's: the same tenant in another tier runs again", async () => {
    const tenant = newTenant();
    const code = "return (await env.DO.whoami()).principal.tier";
    expect(await bindingFor("internal", tenant).execute({ code, cacheKey: "k" })).toMatchObject({ result: "internal" });
    expect(await bindingFor("public", tenant).execute({ code, cacheKey: "k" })).toMatchObject({ result: "public", cacheHit: false });
    expect(await bindingFor("internal", tenant).execute({ code, cacheKey: "k", services: ["db"] })).toMatchObject({ cacheHit: false });
  });

  it("is never a stale program's", async () => {
    const DO = bindingFor("tenant");
    await DO.execute({ code: "return 'old'", cacheKey: "k" });
    expect(await DO.execute({ code: "return 'new'", cacheKey: "k" })).toMatchObject({ result: "new", cacheHit: false });
  });

  it("keeps no failure", async () => {
    const DO = bindingFor("tenant");
    const code = COUNT.replace("return n", "if (n < 2) throw new Error('first'); return n");
    expect(await DO.execute({ code, cacheKey: "k" })).toMatchObject({ outcome: "threw" });
    expect(await DO.execute({ code, cacheKey: "k" })).toMatchObject({ result: 2, cacheHit: false });
  });

  it("runs equal requests once while the first still runs", async () => {
    const DO = bindingFor("tenant");
    const answers = await Promise.all(Array.from({ length: 10 }, () => DO.execute({ code: SLOW_COUNT, cacheKey: "k" })));
    expect(answers.map(({ result }) => result)).toEqual(Array.from({ length: 10 }, () => 1));
    expect(answers.filter(({ cacheHit }) => !cacheHit)).toHaveLength(1);
    expect(await DO.execute({ code: COUNT })).toMatchObject({ result: 2 });
  });

  it("expires: an answer is there to its last millisecond, and not one longer", async () => {
    const store = env.EXECUTIONS.getByName(newTenant());
    const beginAt = (startedMs: number, id: string) => store.begin(cachedEntry(id, startedMs), new NoControl());
    expect(await beginAt(0, "exec_1")).toEqual({ kind: "run" });
    await store.finish({ ...ENDED, id: "exec_1", endedMs: 500, answer: '"kept"' });
    expect(await beginAt(1_499, "exec_2")).toEqual({ kind: "answer", answer: '"kept"', cacheHit: true });
    expect(await beginAt(1_500, "exec_3")).toEqual({ kind: "run" });
  });
});

describe("idempotencyKey", () => {
  it("the same request: the first answer again, also when it failed", async () => {
    const DO = bindingFor("tenant");
    const first = await DO.execute({ code: COUNT, idempotencyKey: "k" });
    expect(await DO.execute({ code: COUNT, idempotencyKey: "k" })).toEqual(first);
    expect(await DO.execute({ code: COUNT })).toMatchObject({ result: 2 });
    const failed = await DO.execute({ code: "throw new Error(String(Math.random()))", idempotencyKey: "f" });
    expect(await DO.execute({ code: "throw new Error(String(Math.random()))", idempotencyKey: "f" })).toEqual(failed);
  });

  it("another request under the key is UNPROCESSABLE", async () => {
    const DO = bindingFor("tenant");
    await DO.execute({ code: "return 1", idempotencyKey: "k" });
    for (const other of [{ code: "return 2" }, { code: "return 1", input: 1 }, { code: "return 1", timeoutMs: 77 }]) {
      await expect(() => DO.execute({ ...other, idempotencyKey: "k" })).rejects.toMatchObject({
        code: "UNPROCESSABLE",
        reason: "IDEMPOTENCY_KEY_REUSED",
      });
    }
  });

  it("while the first still runs: CONFLICT, and it ran once", async () => {
    const DO = bindingFor("tenant");
    const both = await Promise.allSettled([
      DO.execute({ code: SLOW_COUNT, idempotencyKey: "k" }),
      DO.execute({ code: SLOW_COUNT, idempotencyKey: "k" }),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "CONFLICT", reason: "FIRST_REQUEST_RUNNING", retryable: true },
    });
    expect(await DO.execute({ code: COUNT })).toMatchObject({ result: 2 });
  });

  it("another principal of the tenant does not get the first one's answer", async () => {
    const tenant = newTenant();
    await bindingFor("internal", tenant).execute({ code: "return 1", idempotencyKey: "k" });
    await expect(() => bindingFor("public", tenant).execute({ code: "return 1", idempotencyKey: "k" })).rejects.toMatchObject({
      code: "UNPROCESSABLE",
    });
  });

  it("holds while a cache key makes requests wait", async () => {
    const DO = bindingFor("tenant");
    const code = SLOW_COUNT.replace("return n", "throw new Error(String(n))");
    const first = DO.execute({ code, cacheKey: "ik" });
    const same = () => DO.execute({ code, cacheKey: "ik", idempotencyKey: "IK" });
    const answers = await Promise.allSettled([first, same(), same(), same()]);
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    expect(await DO.execute({ code: COUNT })).toMatchObject({ result: 3 });
  });

  it("is the tenant's own", async () => {
    await bindingFor("tenant").execute({ code: "return 1", idempotencyKey: "k" });
    expect(await bindingFor("tenant").execute({ code: "return 2", idempotencyKey: "k" })).toMatchObject({ result: 2 });
  });

  it("holds answers of any size", async () => {
    const DO = bindingFor("internal");
    const request = { code: "return 'x'.repeat(3_000_000)", idempotencyKey: "big" };
    const first = await DO.execute(request);
    expect(await DO.execute(request)).toEqual(first);
    expect((first.result as string).length).toBe(3_000_000);
    // Two halves of a character, where the text is cut.
    const emoji = { code: "return 'a' + '\u{1F600}'.repeat(260_000)", idempotencyKey: "emoji" };
    expect(await DO.execute(emoji)).toEqual(await DO.execute(emoji));
  });
});
