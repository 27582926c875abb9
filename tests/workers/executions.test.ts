import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { RETENTION } from "../../workers/do/src/executions/schema.ts";
import { ENDED, startedAt } from "./entries.ts";
import { bindingFor, newTenant } from "./support.ts";

describe("executions", () => {
  it("each is recorded with what it was, did, said and cost", async () => {
    const DO = bindingFor("tenant");
    const code = `console.warn("careful"); await db.upsert("users", "u1", {}); await db.upsert("users", "u1", {}, { ifVersion: 9 }).catch(() => {}); return 1`;
    const { id, usage } = await DO.execute({ code, input: { at: new Date(0) } });
    const record = await (await DO.executions).get(id);
    expect(record).toMatchObject({
      id,
      state: "ended",
      outcome: "ok",
      language: "ts",
      code,
      usage,
      input: { at: "1970-01-01T00:00:00.000Z" },
      inputEncoding: { "/at": "Date" },
      principal: { kind: "key", tier: "tenant" },
      logs: [{ level: "warn", message: "careful" }],
      calls: [
        { service: "db", method: "upsert", status: "ok" },
        { service: "db", method: "upsert", status: "PRECONDITION_FAILED" },
      ],
    });
    expect(record.requestHash).toMatch(/^[0-9a-f]{64}$/);
    expect(Date.parse(record.endedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(record.startedAt));
  });

  it("are listed newest first, by page, and nested ones name their parent", async () => {
    const DO = bindingFor("tenant");
    for (let i = 0; i < 3; i++) await DO.execute({ code: `return ${i}` });
    const parent = await DO.execute({ code: `await env.DO.execute({ code: "return 1" })` });
    const executions = await DO.executions;
    const first = await executions.list({ limit: 2 });
    expect(first.items).toHaveLength(2);
    expect(first.items.find(({ parentId }) => parentId)?.parentId).toBe(parent.id);
    const second = await executions.list({ limit: 10, ...(first.cursor ? { cursor: first.cursor } : {}) });
    expect(second.items).toHaveLength(3);
    expect(second.cursor).toBeUndefined();
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(
      [...first.items, ...second.items]
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
  });

  it("a running one is seen with its logs so far, and ends when it is cancelled", async () => {
    const DO = bindingFor("tenant");
    const running = DO.execute({
      code: `console.log("begun"); await new Promise((r) => signal.addEventListener("abort", r)); console.log("aborted"); await new Promise(() => {})`,
    });
    const executions = await DO.executions;
    const id = await vi.waitFor(async () => {
      const [item] = (await executions.list({ state: "running" })).items;
      const record = item && (await executions.get(item.id));
      expect(record?.logs).toMatchObject([{ message: "begun" }]);
      return item?.id ?? "";
    });
    expect(await executions.cancel(id)).toEqual({ cancelled: true });
    expect(await running).toMatchObject({
      id,
      outcome: "cancelled",
      error: { code: "CANCELLED" },
      logs: [{ message: "begun" }, { message: "aborted" }],
    });
    expect(await executions.cancel(id)).toEqual({ cancelled: false });
    expect((await executions.list({ state: "running" })).items).toEqual([]);
  });

  it("of a run without effect follows its answer: who asks finds it, and what cannot be recorded does not go on", async () => {
    const tenant = newTenant();
    const DO = bindingFor("tenant", tenant);
    for (let i = 0; i < 20; i++) {
      const { id } = await DO.execute({ code: "return 1" });
      expect(await (await DO.executions).get(id)).toMatchObject({ id, outcome: "ok" });
    }
    const store = env.EXECUTIONS.getByName(tenant);
    await runInDurableObject(store, (_executions, { storage }) => storage.sql.exec("ALTER TABLE executions RENAME TO away"));
    expect(await DO.execute({ code: "return 1" })).toMatchObject({ outcome: "ok" });
    await expect(async () => (await DO.executions).list()).rejects.toThrow();
    await expect(async () => DO.execute({ code: "return 2" })).rejects.toThrow();
    await runInDurableObject(store, (_executions, { storage }) => storage.sql.exec("ALTER TABLE away RENAME TO executions"));
    expect(await DO.execute({ code: "return 3" })).toMatchObject({ outcome: "ok" });
  });

  it("what there is not is NOT_FOUND, what is no id too", async () => {
    const executions = await bindingFor("tenant").executions;
    for (const id of ["exec_00000000000000000000000000", "nope", "", "../x", "exec_' OR 1=1 --"]) {
      await expect(async () => executions.get(id)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(async () => executions.cancel(id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    await expect(async () => executions.list({ limit: 0 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(async () => executions.list({ limit: 1_001 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("are kept up to a number: the newest", async () => {
    const DO = bindingFor("internal");
    const { id } = await DO.execute({ code: "return 'first'" });
    // The sweep runs once in a hundred, and keeps a thousand.
    const burst = () => Promise.all(Array.from({ length: 20 }, () => DO.execute({ code: "return 1" })));
    for (let i = 0; i < 56; i++) await burst();
    await expect(async () => (await DO.executions).get(id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const page = await (await DO.executions).list({ limit: 1_000 });
    expect(page.items).toHaveLength(1_000);
  }, 60_000);
});

describe("retention by age", () => {
  it("what started a week ago is kept, one millisecond longer is not", async () => {
    const store = env.EXECUTIONS.getByName(newTenant());
    const nowMs = Date.now();
    const record = (id: string, startedMs: number) =>
      store.record([{ begin: startedAt(id, startedMs), finish: { ...ENDED, id, endedMs: nowMs, answer: undefined } }]);
    await record("exec_kept", nowMs - RETENTION.ms);
    await record("exec_gone", nowMs - RETENTION.ms - 1);
    // The sweep runs once in a hundred.
    for (let i = 0; i < RETENTION.executions / 10; i++) await record(`exec_new${i}`, nowMs);
    expect([await store.get("exec_kept"), await store.get("exec_gone")]).toMatchObject([{ id: "exec_kept" }, undefined]);
  });
});

describe("records that follow their answers", () => {
  it("are there for whoever asks next, also those that are written together, and a large one", async () => {
    const DO = bindingFor("tenant");
    const run = (code: string) => DO.execute({ code });
    const large = await run(`return ${"1 + ".repeat(20_000)}1`);
    const small = [];
    // Eight at a time: a few would not fill what is written together.
    for (let i = 0; i < 9; i++) small.push(...(await Promise.all(Array.from({ length: 8 }, (_, n) => run(`return ${n}`)))));
    const last = await run("throw new Error('seen')");
    expect(await (await DO.executions).get(last.id)).toMatchObject({ id: last.id, outcome: "threw", error: { message: "seen" } });
    const { items } = await (await DO.executions).list({ limit: 100 });
    expect(items.map(({ id }) => id).toSorted()).toEqual([large, ...small, last].map(({ id }) => id).toSorted());
  });
});

describe("logs arrive while the code runs", () => {
  it("each as an event, the answer last", async () => {
    const seen: string[] = [];
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const DO = bindingFor("tenant");
    const running = DO.execute(
      {
        code: `console.log("one"); while (!(await db.get("go", "now"))) await new Promise((r) => setTimeout(r, 5)); console.log("two"); return 3`,
      },
      (event) => {
        if (event.type === "started") return;
        seen.push(event.type === "log" ? event.entry.message : String(event.answer.result));
        release();
      },
    );
    await gate;
    expect(seen).toEqual(["one"]);
    await DO.execute({ code: `await db.upsert("go", "now", {})` });
    await running;
    expect(seen).toEqual(["one", "two", "3"]);
  });
});
