import { newWebSocketRpcSession } from "capnweb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, readChanges, type Session } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let session: Session;
beforeAll(async () => {
  host = await testHost();
  session = connect(host.url, host.rootKey);
});
afterAll(() => host.stop());

interface Root {
  authenticate(credential: string): { db: { watch(collection: string): Promise<ReadableStream<Uint8Array>> } };
}

interface Event {
  id?: string;
  event?: string;
  data?: string;
}

/** Events of an answer, until `count` have come; then the connection is closed. */
async function events(path: string, count: number, headers: Record<string, string> = {}, onOpen = () => {}): Promise<Event[]> {
  const hangUp = new AbortController();
  const response = await host.ask(path, { headers: { accept: "text/event-stream", ...headers }, signal: hangUp.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const seen: Event[] = [];
  let text = "";
  onOpen();
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      if (block.startsWith(":")) continue;
      seen.push(Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2))) as Event);
      if (seen.length === count) {
        hangUp.abort();
        return seen;
      }
    }
  }
  return seen;
}

const idOf = ({ data }: Event) => (JSON.parse(data ?? "{}") as { id: string }).id;

describe("watch", () => {
  it("over SSE resumes by Last-Event-ID without loss or repetition", async () => {
    const write = async () => {
      for (let n = 0; n < 30; n++) await session.db.insert("sse", { n }, { id: `d${n}` });
    };
    let writing: Promise<void> | undefined;
    const seen = await events("/db/watch/sse", 10, {}, () => void (writing = write()));
    const more = await events("/db/watch/sse", 20, { "last-event-id": seen.at(-1)?.id ?? "" });
    await writing;
    expect([...seen, ...more].map(idOf)).toEqual(Array.from({ length: 30 }, (_, n) => `d${n}`));
    expect(seen[0]).toMatchObject({ event: "change" });
  });

  it("filters, and refuses what is wrong before the stream begins", async () => {
    await session.db.insert("filtered", { n: 1 }, { id: "a" });
    const { cursor } = await session.db.changes("filtered", { since: "now" });
    await session.db.insert("filtered", { n: 2 }, { id: "b" });
    await session.db.insert("filtered", { n: 3 }, { id: "c" });
    const where = encodeURIComponent('{"n":{"gt":2}}');
    expect((await events(`/db/watch/filtered?since=${cursor}&where=${where}`, 1)).map(idOf)).toEqual(["c"]);
    for (const query of ["since=x", "where=x", 'where={"a":{"b":1}}', "more=1", "id="]) {
      const response = await host.ask(`/db/watch/filtered?${query}`);
      expect(response.status).toBe(400);
    }
    expect((await fetch(`${host.url}/db/watch/filtered`)).status).toBe(401);
  });

  it("over WebSocket", async () => {
    const socket = new WebSocket(`${host.url.replace("http", "ws")}/db/watch/ws`, {
      headers: { authorization: `Bearer ${host.rootKey}` },
    });
    const messages: string[] = [];
    const two = new Promise<void>((resolve) => {
      socket.addEventListener("message", ({ data }) => {
        messages.push((JSON.parse(String(data)) as { id: string }).id);
        if (messages.length === 2) resolve();
      });
    });
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    await session.db.insert("ws", {}, { id: "a" });
    await session.db.insert("ws", {}, { id: "b" });
    await two;
    socket.close();
    expect(messages).toEqual(["a", "b"]);
  });

  it("over Cap'n Web", async () => {
    using root = newWebSocketRpcSession<Root>(`${host.url.replace("http", "ws")}/rpc`);
    const { db } = root.authenticate(host.rootKey);
    const stream = await db.watch("capnweb");
    await session.db.insert("capnweb", {}, { id: "x" });
    for await (const change of readChanges(stream)) {
      expect(change).toMatchObject({ op: "insert", id: "x" });
      break;
    }
  });

  it("over the SDK, as objects", async () => {
    const stream = await session.db.collection<{ n: number }>("sdk").watch();
    await session.db.insert("sdk", { n: 7 }, { id: "x" });
    for await (const change of readChanges<{ n: number }>(stream)) {
      expect(change).toMatchObject({ op: "insert", id: "x", data: { n: 7 } });
      break;
    }
  });
});

describe("copies over HTTP", () => {
  it("export, import, backup, restore through the SDK", async () => {
    const { db } = session;
    await db.defineCollection("books", { search: { fields: ["title"] } });
    for (let n = 0; n < 20; n++) await db.insert("books", { title: `Book ${n}` }, { id: `b${n}` });
    await db.query("CREATE TABLE t (n)");
    const backup = await new Response(await db.backup()).text();
    const lines = (await new Response(await db.export({ collections: ["books"] })).text()).trim().split("\n");
    expect(lines).toHaveLength(23);
    await db.dropCollection("books");
    expect(await db.import(new Response(lines.join("\n")).body as ReadableStream<Uint8Array>)).toEqual({ documents: 20, skipped: 0 });
    expect((await db.search("books", "7")).hits.map(({ id }) => id)).toEqual(["b7"]);
    await db.deleteMany("books", {});
    await db.query("DROP TABLE t");
    expect(await db.restore(new Response(backup).body as ReadableStream<Uint8Array>)).toMatchObject({ tables: 1 });
    expect(await db.collection("books").count()).toEqual({ count: 20 });
    expect(await new Response(await db.export({ format: "sql" })).text()).toContain("CREATE TABLE t (n);");
  });

  it("a stream has no place in JSON, and says where it is", async () => {
    const ask = async (method: string, params: unknown[]) => {
      const response = await host.ask(`/rpc/db/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ params }),
      });
      return (await response.json()) as object;
    };
    expect(await ask("backup", [])).toMatchObject({
      code: "UNSUPPORTED",
      reason: "STREAM",
      message: expect.stringContaining("/db/backup"),
    });
    expect(await ask("watch", ["c"])).toMatchObject({ code: "UNSUPPORTED" });
    expect(await ask("import", [{}])).toMatchObject({ code: "INVALID_ARGUMENT" });
    const response = await host.ask("/db/restore", { method: "POST", body: "x" });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, "INVALID_ARGUMENT"]);
  });
});
