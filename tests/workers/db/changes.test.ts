import { describe, expect, it } from "vitest";
import { newTenant } from "../support.ts";
import { dbOf, inTenant } from "./support.ts";

describe("changes", () => {
  it("come in order, from any cursor, each once", async () => {
    const run = inTenant();
    await run(
      `await db.insert("c", { n: 1 }, { id: "x" }); await db.insert("other", {}); await db.patch("c", "x", { n: 2 }); await db.delete("c", "x")`,
    );
    const { items, cursor } = (await run(`return db.changes("c")`)) as {
      items: { op: string; version: number; data?: unknown; cursor: string }[];
      cursor: string;
    };
    expect(items.map(({ op, version, data }) => [op, version, data])).toEqual([
      ["insert", 1, { n: 1 }],
      ["update", 2, { n: 2 }],
      ["delete", 2, undefined],
    ]);
    expect(await run(`return (await db.changes("c", { since: input })).items.map((c) => c.op)`, items[0]?.cursor)).toEqual([
      "update",
      "delete",
    ]);
    expect(await run(`return (await db.changes("c", { since: input })).items`, cursor)).toEqual([]);
    expect(
      await run(
        `const seen = []; let since; for (;;) { const page = await db.changes("c", { since, limit: 1 }); if (page.items.length === 0) return seen; seen.push(page.items[0].op); since = page.cursor }`,
      ),
    ).toEqual(["insert", "update", "delete"]);
    expect(await run(`return (await db.changes("c", { where: { n: 2 } })).items.map((c) => c.op)`)).toEqual(["update", "delete"]);
  });

  it("waits for a change, and no longer than it was asked to", async () => {
    const run = inTenant();
    const code = `const { cursor } = await db.changes("c");
      const waiting = db.changes("c", { since: cursor, waitMs: 20_000 });
      await db.insert("c", {}, { id: "x" });
      return [(await waiting).items.map((c) => c.id), (await db.changes("c", { since: "now", waitMs: 50 })).items]`;
    expect(await run(code)).toEqual([["x"], []]);
  });

  it("a cursor of another database, or none, is refused", async () => {
    const other = (await inTenant()(`await db.insert("c", {}); return (await db.changes("c")).cursor`)) as string;
    for (const since of [other, "", "x", "bm9uc2Vuc2U", btoa(JSON.stringify(["c", 1]))]) {
      expect(await inTenant()(`return db.changes("c", { since: input })`, since)).toMatchObject({
        code: "INVALID_ARGUMENT",
        reason: "BAD_CURSOR",
      });
    }
  });

  it("are kept for seven days, and a cursor that is older says so", async () => {
    const tenant = newTenant();
    const startMs = Date.now();
    const at = (ms: number) => dbOf(tenant, { now: () => startMs + ms });
    await at(0).insert("c", {}, { id: "old" });
    await at(0).insert("c", {}, { id: "later" });
    const { cursor } = await at(0).changes("c", { limit: 1 });
    const week = 7 * 24 * 60 * 60 * 1_000;
    const lines = Array.from({ length: 300 }, (_, n) => JSON.stringify({ id: `d${n}` })).join("\n");
    const write = (ms: number) => at(ms).import(new Response(lines).body as ReadableStream<Uint8Array>, { collection: "other" });
    await write(week);
    expect((await at(week).changes("c", { since: cursor, limit: 1 })).items.map(({ id }) => id)).toEqual(["later"]);
    await write(week + 1);
    await expect((async () => at(week).changes("c", { since: cursor }))()).rejects.toMatchObject({
      code: "PRECONDITION_FAILED",
      reason: "CURSOR_EXPIRED",
    });
    await expect(at(week).watch("c", { since: cursor })).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
  });

  it("a write that failed is no change", async () => {
    const run = inTenant();
    await run(
      `await db.atomic({ mutations: [{ op: "insert", collection: "c", id: "a", data: {} }, { op: "insert", collection: "c", id: "a", data: {} }] }).catch(() => {})`,
    );
    expect(await run(`return (await db.changes("c")).items`)).toEqual([]);
  });
});

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<{ op: string; id: string; cursor: string }> {
  let begun = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (begun + text).split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line) as { op: string; id: string; cursor: string };
  }
}

describe("watch", () => {
  it("resumes by cursor without loss or repetition, however often its reader leaves", async () => {
    const tenant = newTenant();
    const db = dbOf(tenant);
    await db.insert("c", {}, { id: "before" });
    let { cursor: since } = await db.changes("c", {});
    const seen: string[] = [];
    const writing = (async () => {
      for (let n = 0; n < 60; n++) await db.insert("c", { n }, { id: `d${n}` });
    })();
    while (seen.length < 60) {
      let some = 0;
      for await (const change of linesOf(await db.watch("c", { since }))) {
        seen.push(change.id);
        since = change.cursor;
        some++;
        if (some === 7 || seen.length === 60) break;
      }
    }
    await writing;
    expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => `d${n}`));
  });

  it("works in code", async () => {
    const code = `const stream = await db.watch("c", { since: undefined });
      await db.insert("c", { n: 1 }, { id: "x" });
      const reader = stream.getReader(); let text = "";
      while (!text.trim()) text += new TextDecoder().decode((await reader.read()).value);
      await reader.cancel();
      return JSON.parse(text).id`;
    expect(await inTenant()(code)).toBe("x");
  });
});
