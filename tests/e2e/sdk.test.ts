import { createServer, request as forward, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { inspect } from "node:util";
import { newWebSocketRpcSession } from "capnweb";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { connect, DoError, type Binding, type ExecutionEvent, type Session } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

const FOREVER = "console.log('started'); await new Promise((r) => setTimeout(r, 1e9))";

let host: TestHost;
let session: Session;
beforeAll(async () => {
  host = await testHost();
  session = connect(host.url, host.rootKey);
});
afterAll(() => host.stop());

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  }
});

/** A server of the test's own. @returns its URL */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

/** The host behind a server that writes down what passes. */
async function recorded(): Promise<{ session: Session; seen: string[] }> {
  const seen: string[] = [];
  const url = await serve((incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url} ${incoming.headers.accept}`);
    const { method = "GET", headers } = incoming;
    const onward = forward(host.url + incoming.url, { method, headers }, (answer: IncomingMessage) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  return { session: connect(url, host.rootKey), seen };
}

async function eventsOf(execution: AsyncIterable<ExecutionEvent>): Promise<ExecutionEvent[]> {
  const events = [];
  for await (const event of execution) events.push(event);
  return events;
}

const rejection = async (work: PromiseLike<unknown>): Promise<unknown> =>
  work.then(
    () => "fulfilled",
    (error: unknown) => error,
  );

describe("execute, awaited", () => {
  it("gives the answer, with the types of its result", async () => {
    const answer = await session.execute({
      code: "console.warn('hi'); return { at: new Date(input.ms), big: 2n ** 64n }",
      input: { ms: 5 },
    });
    expect(answer).toMatchObject({ success: true, outcome: "ok", logs: [{ level: "warn", message: "hi" }], cacheHit: false });
    expect(answer.result).toEqual({ at: new Date(5), big: 18446744073709551616n });
    expect(answer).not.toHaveProperty("resultEncoding");
  });

  it("gives the answer of code that failed, too", async () => {
    const answer = await session.execute({ code: "\nthrow new RangeError('boom')" });
    expect(answer).toMatchObject({ success: false, outcome: "threw", error: { name: "RangeError", message: "boom", line: 2 } });
  });

  it("is a promise in every way", async () => {
    expect(await session.execute({ code: "1" }).then(({ result }) => result)).toBe(1);
    expect(await session.execute({ code: "" }).catch((error: unknown) => (error as DoError).code)).toBe("INVALID_ARGUMENT");
    let isOver = false;
    await session.execute({ code: "1" }).finally(() => void (isOver = true));
    expect(isOver).toBe(true);
    expect(await Promise.all([session.execute({ code: "1" }), session.execute({ code: "2" })])).toMatchObject([
      { result: 1 },
      { result: 2 },
    ]);
  });
});

describe("execute, iterated", () => {
  it("gives each log as it happens, then the answer", async () => {
    const code = "console.log('go'); while (!(await db.get('flags', 'go'))) await new Promise((r) => setTimeout(r, 5)); return 1";
    const events: ExecutionEvent[] = [];
    for await (const event of session.execute({ code })) {
      events.push(event);
      // Only who has the log while the code runs can let it end.
      if (event.type === "log") await session.db.upsert("flags", "go", {});
    }
    expect(events).toMatchObject([
      { type: "log", entry: { message: "go" } },
      { type: "result", answer: { outcome: "ok", result: 1 } },
    ]);
  });

  it("throws what awaiting it throws", async () => {
    expect(await rejection(eventsOf(session.execute({ code: "" })))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("may be left early, and the code goes on to its end", async () => {
    const execution = session.execute({ code: "console.log(1); console.log(2); return 3" });
    for await (const event of execution) {
      expect(event).toMatchObject({ type: "log", entry: { message: "1" } });
      break;
    }
    expect(await execution).toMatchObject({ outcome: "ok", result: 3 });
  });
});

describe("one execution", () => {
  it("is not sent before it is consumed", async () => {
    const { session: watched, seen } = await recorded();
    void watched.execute({ code: "1" });
    await watched.whoami();
    expect(seen).toEqual(["GET /auth application/json"]);
  });

  it("is sent once when it is awaited, however often", async () => {
    const { session: watched, seen } = await recorded();
    const execution = watched.execute({ code: "console.log('a'); return 1" });
    const [first, second] = await Promise.all([execution, execution]);
    expect(first).toBe(second);
    expect(await eventsOf(execution)).toMatchObject([
      { type: "log", entry: { message: "a" } },
      { type: "result", answer: { result: 1 } },
    ]);
    expect(seen).toEqual(["POST /execute application/json"]);
  });

  it("is sent once when it is iterated, however often", async () => {
    const { session: watched, seen } = await recorded();
    const execution = watched.execute({ code: "console.log('a'); return 1" });
    const [first, second] = await Promise.all([eventsOf(execution), eventsOf(execution)]);
    expect(first).toMatchObject([{ type: "log" }, { type: "result" }]);
    expect(second).toEqual(first);
    expect(await eventsOf(execution)).toEqual(first);
    expect(await execution).toMatchObject({ result: 1 });
    expect(seen).toEqual(["POST /execute text/event-stream"]);
  });
});

describe("aborting", () => {
  it.each(["awaited", "iterated"])("cancels on the server what is %s", async (how) => {
    const { session: watched, seen } = await recorded();
    const abort = new AbortController();
    const execution = watched.execute({ code: FOREVER }, { signal: abort.signal });
    const ended = how === "awaited" ? execution.then((answer) => answer) : eventsOf(execution).then(() => execution);
    await expect.poll(() => session.executions.list({ state: "running" })).toMatchObject({ items: [{}] });
    abort.abort();
    const answer = await ended;
    expect(answer).toMatchObject({ success: false, outcome: "cancelled", logs: [{ message: "started" }] });
    expect(seen).toEqual(["POST /execute text/event-stream", `DELETE /executions/${answer.id} application/json`]);
    expect(await session.executions.get(answer.id)).toMatchObject({ state: "ended", outcome: "cancelled" });
  });

  it("cancels what has only just been sent", async () => {
    for (let ms = 0; ms < 10; ms++) {
      expect(await session.execute({ code: FOREVER }, { signal: AbortSignal.timeout(ms) })).toMatchObject({ outcome: "cancelled" });
    }
    expect(await session.executions.list({ state: "running" })).toEqual({ items: [] });
  });

  it("sends nothing when it came first", async () => {
    const { session: watched, seen } = await recorded();
    expect(await rejection(watched.execute({ code: "1" }, { signal: AbortSignal.abort() }))).toMatchObject({ code: "CANCELLED" });
    expect(seen).toEqual([]);
  });

  it("changes nothing when the code has ended", async () => {
    const abort = new AbortController();
    const execution = session.execute({ code: "return 1" }, { signal: abort.signal });
    const answer = await execution;
    abort.abort();
    expect(await execution).toBe(answer);
    expect(await session.executions.get(answer.id)).toMatchObject({ outcome: "ok" });
  });

  it("does not wait for a server that does not react", async () => {
    let isHungUp = false;
    const url = await serve((incoming, outgoing) => {
      outgoing.once("close", () => void (isHungUp = true));
      if (incoming.method === "POST")
        outgoing.writeHead(200, { "content-type": "text/event-stream", "x-execution-id": "exec_1" }).flushHeaders();
    });
    const error = await rejection(connect(url).execute({ code: "1" }, { signal: AbortSignal.timeout(10) }));
    expect(error).toMatchObject({ code: "CANCELLED", reason: "CANCEL_NOT_CONFIRMED", retryable: false });
    await expect.poll(() => isHungUp).toBe(true);
  });
});

describe("executions", () => {
  it("are listed in pages, read and cancelled", async () => {
    const { id } = await session.execute({ code: "return 'listed'" });
    const page = await session.executions.list({ limit: 1 });
    expect(page).toMatchObject({ items: [{ id, state: "ended", outcome: "ok" }], cursor: id });
    const next = await session.executions.list({ limit: 1, cursor: page.cursor });
    expect(next.items[0]?.id).not.toBe(id);
    expect(await session.executions.get(id)).toMatchObject({ id, code: "return 'listed'", language: "ts", calls: [] });
    expect(await session.executions.cancel(id)).toEqual({ cancelled: false });
    expect(await rejection(session.executions.get("exec/../../auth"))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("services", () => {
  it("db has its methods, with types", async () => {
    const { entity, created } = await session.db.upsert("users", "ada", { born: 1815 });
    expect({ created, version: entity.version }).toEqual({ created: true, version: 1 });
    expect((await session.db.get("users", "ada"))?.data).toEqual({ born: 1815 });
    expect(await session.db.get("users", "grace")).toBeNull();
    expect((await session.db.list("users")).items.map(({ id }) => id)).toEqual(["ada"]);
    expect((await session.db.list("users", { limit: undefined })).items).toHaveLength(1);
    expect(await session.db.delete("users", "ada", undefined)).toEqual({ deleted: true });
  });

  it("values come back with their types", async () => {
    const { columns, rows } = await session.db.query("SELECT x'00ff' AS bytes, ? AS text, NULL AS empty", ["a"]);
    expect(columns).toEqual(["bytes", "text", "empty"]);
    expect(rows).toEqual([{ bytes: new Uint8Array([0, 255]), text: "a", empty: null }]);
  });

  it("refuse what the definition refuses", async () => {
    const untyped = session.db as unknown as Session["email"];
    expect(await rejection(untyped["gett"]?.() ?? Promise.resolve())).toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining('"get"') as string,
    });
    expect(await rejection(untyped["get"]?.("users") ?? Promise.resolve())).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejection(session.db.upsert("users", "a", { at: new Date() }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "Cannot send the arguments of db.upsert: params[2].at is a Date, which JSON does not have",
    });
  });

  it("that are not built yet say so", async () => {
    expect(await rejection(session.email["send"]?.({}) ?? Promise.resolve())).toMatchObject({ code: "UNSUPPORTED" });
  });

  it("are no thenables, and have no symbols", async () => {
    const queue: object = session.queue;
    expect(await Promise.resolve(session.queue)).toBe(session.queue);
    expect(Reflect.get(queue, "then")).toBeUndefined();
    expect(Reflect.get(queue, Symbol.iterator)).toBeUndefined();
    expect(Reflect.get(queue, Symbol.toPrimitive)).toBeUndefined();
    expect(JSON.stringify(session.queue)).toBe("{}");
    expect(Reflect.get(queue, "send")).toBe(Reflect.get(queue, "send"));
  });
});

describe("errors", () => {
  it("are those of the server, with its request id", async () => {
    const error = await rejection(session.execute({ code: "1", timeoutMs: 999_999 }));
    expect(error).toBeInstanceOf(DoError);
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", reason: "TIMEOUT_TOO_LONG", retryable: false, details: { most: 120_000 } });
    expect(error).toMatchObject({ requestId: expect.stringMatching(/^req_/) as string });
  });

  it("of a credential name it nowhere", async () => {
    const secret = "do_key_that_is_secret";
    const open = connect(host.url, secret);
    const error = await rejection(open.whoami());
    expect(error).toMatchObject({ code: "UNAUTHENTICATED" });
    const gone = await rejection(connect("http://127.0.0.1:1", secret).whoami());
    const unsendable = await rejection(Promise.resolve().then(() => connect(host.url, `${secret}\n`)));
    expect(unsendable).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(inspect([error, gone, unsendable, open], { depth: 9, showHidden: true })).not.toContain(secret);
  });

  it("of a server that is not there can be tried again", async () => {
    const url = await serve(() => {});
    await new Promise((resolve) => void servers.pop()?.close(resolve));
    const gone = connect(url);
    for (const ask of [() => gone.whoami(), () => gone.execute({ code: "1" }), () => eventsOf(gone.execute({ code: "1" }))]) {
      expect(await rejection(ask())).toMatchObject({ code: "UNAVAILABLE", retryable: true, message: `Cannot reach ${url}: ECONNREFUSED` });
    }
  });

  it.each<[string, number, string, string, boolean]>([
    ["a page of a proxy", 502, "text/html", "<h1>Bad gateway</h1>", true],
    ["another server", 200, "text/html", "<h1>Welcome</h1>", false],
    ["JSON that is no answer", 200, "application/json", '{"hello":"world"}', false],
    ["JSON that is no object", 200, "application/json", "null", false],
    ["problem details of others", 404, "application/problem+json", '{"title":"Not found"}', false],
    ["a redirect", 302, "text/plain", "", false],
  ])("of %s are UPSTREAM", async (_what, status, type, body, retryable) => {
    const url = await serve((_incoming, outgoing) => {
      outgoing.writeHead(status, { "content-type": type, location: host.url }).end(body);
    });
    const other = connect(url, "k");
    expect(await rejection(other.execute({ code: "1" }))).toMatchObject({ code: "UPSTREAM", retryable });
    expect(await rejection(eventsOf(other.execute({ code: "1" })))).toMatchObject({ code: "UPSTREAM", retryable });
  });

  it.each(["", "event: log\ndata: {}\n\n", "event: result\ndata: {"])("of a stream that ends early are UNAVAILABLE: %j", async (body) => {
    const url = await serve((_incoming, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/event-stream", "x-execution-id": "exec_1" }).end(body);
    });
    expect(await rejection(eventsOf(connect(url).execute({ code: "1" })))).toMatchObject({
      code: "UNAVAILABLE",
      reason: "STREAM_ENDED",
      details: { executionId: "exec_1" },
    });
  });

  it("of a connection that breaks are UNAVAILABLE", async () => {
    const url = await serve((_incoming, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/event-stream" });
      outgoing.write("event: log\n", () => outgoing.destroy());
    });
    expect(await rejection(eventsOf(connect(url).execute({ code: "1" })))).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  });

  it("that come in the stream are the server's", async () => {
    const url = await serve((_incoming, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/event-stream" });
      outgoing.end('event: error\ndata: {"code":"RATE_LIMITED","message":"Too many","retryAfterMs":5}\n\n');
    });
    expect(await rejection(eventsOf(connect(url).execute({ code: "1" })))).toMatchObject({
      code: "RATE_LIMITED",
      message: "Too many",
      retryable: true,
      retryAfterMs: 5,
    });
  });
});

describe("over Cap'n Web", () => {
  it("a session is the same", async () => {
    const stub = newWebSocketRpcSession(`${host.url.replace("http", "ws")}/rpc`) as unknown as Binding & Disposable;
    const overRpc = connect(stub, host.rootKey);
    expect(await overRpc.whoami()).toEqual(await session.whoami());
    expect(await overRpc.execute({ code: "return new Date(input)", input: 5 })).toMatchObject({ outcome: "ok", result: new Date(5) });
    expect(await eventsOf(overRpc.execute({ code: "console.log('a')" }))).toMatchObject([{ type: "log" }, { type: "result" }]);
    await overRpc.db.upsert("things", "a", { n: 1 });
    expect(await overRpc.db.get("things", "a")).toEqual(await session.db.get("things", "a"));
    expect(await rejection(overRpc.execute({ code: "" }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    stub[Symbol.dispose]();
  });
});

describe("connect", () => {
  it("takes a URL as text or object, with a path or a slash at its end", async () => {
    const url = await serve((incoming, outgoing) => void outgoing.end(JSON.stringify({ path: incoming.url })));
    expect(await connect(new URL(url)).whoami()).toEqual({ path: "/auth" });
    expect(await connect(`${url}/`).whoami()).toEqual({ path: "/auth" });
    expect(await connect(`${url}/do/?x#y`).whoami()).toEqual({ path: "/do/auth" });
  });

  it.each<[unknown, string]>([
    ["localhost:8787", "URL must start with"],
    ["ftp://localhost", "URL must start with"],
    ["", "URL must start with"],
    ["http://user:secret@localhost", "must hold no user or password"],
    [{}, "must be a URL or a service binding"],
  ])("refuses %j", async (target, message) => {
    const error = await rejection(Promise.resolve().then(() => connect(target as string)));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) as string });
    expect(inspect(error)).not.toContain("secret");
  });
});
