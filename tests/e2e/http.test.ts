import { newHttpBatchRpcSession, newWebSocketRpcSession } from "capnweb";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

const json = async (response: Response) => ({ status: response.status, body: (await response.json()) as Record<string, unknown> });
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  host.ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

describe("open routes", () => {
  it("/ says what this is: JSON to a program, a page to a browser", async () => {
    const response = await fetch(host.url);
    expect(await json(response)).toMatchObject({ status: 200, body: { name: "do", links: { execute: "/execute" } } });
    const page = await fetch(host.url, { headers: { accept: "text/html,*/*" } });
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("<h1>do</h1>");
  });

  it("/health and /ready answer, /openapi.json is a document of every route", async () => {
    expect(await json(await fetch(`${host.url}/health`))).toEqual({ status: 200, body: { status: "up" } });
    expect(await json(await fetch(`${host.url}/ready`))).toEqual({ status: 200, body: { status: "ready" } });
    const { body } = await json(await fetch(`${host.url}/openapi.json`));
    expect(body["openapi"]).toBe("3.1.0");
    expect(Object.keys(body["paths"] as object)).toEqual(
      expect.arrayContaining(["/execute", "/executions", "/executions/{id}", "/auth", "/rpc/db/get", "/rpc/db/query"]),
    );
  });

  it("every answer carries a request id of its own, and no CORS", async () => {
    const answers = await Promise.all(
      ["/", "/health", "/nope", "/auth"].map((path) =>
        fetch(host.url + path, { headers: { origin: "https://evil.example", "x-request-id": "mine" } }),
      ),
    );
    const ids = answers.map(({ headers }) => headers.get("x-request-id") ?? "");
    for (const id of ids) expect(id).toMatch(/^req_[0-9A-Z]{26}$/);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { headers } of answers) expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});

describe("credentials", () => {
  it.each([
    ["none", undefined],
    ["a wrong key", "Bearer nope"],
    ["another scheme", "Basic cm9vdDpyb290"],
    ["an empty bearer", "Bearer "],
    ["two words", "Bearer a b"],
  ])("%s is 401 with a challenge", async (_name, authorization) => {
    for (const [path, method] of [
      ["/auth", "GET"],
      ["/executions", "GET"],
      ["/execute", "POST"],
      ["/rpc/db/get", "POST"],
      ["/nowhere", "GET"],
    ] as const) {
      const response = await fetch(host.url + path, { method, ...(authorization === undefined ? {} : { headers: { authorization } }) });
      expect(response.status, path).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({
        code: "UNAUTHENTICATED",
        status: 401,
        title: expect.any(String),
        requestId: response.headers.get("x-request-id"),
      });
    }
  });

  it("the root key is who it is", async () => {
    expect(await json(await host.ask("/auth"))).toMatchObject({
      status: 200,
      body: {
        principal: { kind: "root", id: "root", tenant: "root", tier: "internal" },
        scopes: ["*"],
        limits: { wallMs: 30_000, wallMsMost: 120_000, perMinute: null },
      },
    });
  });
});

describe("POST /execute", () => {
  it("answers what the contract says", async () => {
    const response = await host.execute({ code: "console.log('x'); return { n: input.n + 1 }", input: { n: 1 } });
    const { body } = await json(response);
    expect(body).toMatchObject({
      success: true,
      outcome: "ok",
      result: { n: 2 },
      logs: [{ level: "log", message: "x", atMs: expect.any(Number) }],
      cacheHit: false,
    });
    expect(body).not.toHaveProperty("resultEncoding");
    expect(response.headers.get("x-execution-id")).toBe(body["id"]);
  });

  it("a failure of the code is 200", async () => {
    expect(await json(await host.execute({ code: "throw new Error('mine')" }))).toMatchObject({
      status: 200,
      body: { success: false, outcome: "threw", error: { message: "mine", line: 1 } },
    });
  });

  it("types that JSON has not are announced", async () => {
    const { body } = await json(
      await host.execute({ code: "return { at: new Date(0), ids: new Set([1n]), bytes: new Uint8Array([1]), no: undefined }" }),
    );
    expect(body).toMatchObject({
      result: { at: "1970-01-01T00:00:00.000Z", ids: ["1"], bytes: "AQ==", no: null },
      resultEncoding: { "/at": "Date", "/ids": "Set", "/ids/0": "bigint", "/bytes": "Uint8Array", "/no": "undefined" },
    });
  });

  it("as an event stream: logs as they happen, then the result", async () => {
    const response = await host.execute({ code: "console.log('a'); console.error('b'); return 1" }, { accept: "text/event-stream" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = (await response.text())
      .trim()
      .split("\n\n")
      .map((event) => event.split("\n"));
    expect(events.map(([name]) => name)).toEqual(["event: log", "event: log", "event: result"]);
    expect(JSON.parse((events[2]?.[1] ?? "").slice("data: ".length))).toMatchObject({
      id: response.headers.get("x-execution-id"),
      result: 1,
      logs: [{}, {}],
    });
  });

  it("a refusal is a problem, also for who asks for a stream", async () => {
    const response = await host.execute({ code: "" }, { accept: "text/event-stream" });
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.status).toBe(400);
  });

  it("a 2 MB body is TOO_LARGE, by the size of the code", async () => {
    expect(await json(await host.execute({ code: `return 1 //${"x".repeat(2_000_000)}` }))).toMatchObject({
      status: 413,
      body: { code: "TOO_LARGE", message: "Cannot run code: size must be at most 1048576 bytes, got 2000011" },
    });
  });

  it("a body beyond anything is refused by its length, before it is read", async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const { hostname, port } = new URL(host.url);
      const headers = { authorization: `Bearer ${host.rootKey}`, "content-type": "application/json", "content-length": 3_000_000_000 };
      const sent = httpRequest({ hostname, port, path: "/execute", method: "POST", headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
        sent.destroy();
      }).on("error", reject);
      sent.flushHeaders();
    });
    expect(status).toBe(413);
  });
});

describe("what is wrong gets the right problem, never a 500", () => {
  it.each([
    ["no JSON", "/execute", "{", {}, 400, "INVALID_ARGUMENT"],
    ["nothing", "/execute", "", {}, 400, "INVALID_ARGUMENT"],
    ["an array", "/execute", "[]", {}, 400, "INVALID_ARGUMENT"],
    ["null", "/execute", "null", {}, 400, "INVALID_ARGUMENT"],
    ["a form", "/execute", "code=1", { "content-type": "application/x-www-form-urlencoded" }, 415, "INVALID_ARGUMENT"],
    ["gzip", "/execute", "{}", { "content-encoding": "gzip" }, 415, "INVALID_ARGUMENT"],
    ["an unknown member", "/execute", '{"code":"1","cod":1}', {}, 400, "INVALID_ARGUMENT"],
    ["too long a time", "/execute", '{"code":"1","timeoutMs":120001}', {}, 429, "LIMIT_EXCEEDED"],
    ["an unknown service", "/rpc/dbb/get", "{}", {}, 404, "NOT_FOUND"],
    ["an unknown method", "/rpc/db/gett", "{}", {}, 404, "NOT_FOUND"],
    ["an inherited name", "/rpc/db/constructor", "{}", {}, 404, "NOT_FOUND"],
    ["an inherited service", "/rpc/__proto__/get", "{}", {}, 404, "NOT_FOUND"],
    ["a bad argument", "/rpc/db/get", '{"params":["1 bad name","x"]}', {}, 400, "INVALID_ARGUMENT"],
    ["too many arguments", "/rpc/db/get", '{"params":["a","b","c"]}', {}, 400, "INVALID_ARGUMENT"],
    ["an unknown parameter", "/rpc/db/get", '{"params":{"collection":"a","id":"b","tenant":"c"}}', {}, 400, "INVALID_ARGUMENT"],
    ["a service that is not built", "/rpc/email/send", "{}", {}, 501, "UNSUPPORTED"],
    ["an unknown route", "/nowhere", "{}", {}, 404, "NOT_FOUND"],
    ["a trick of paths", "/execute/../nowhere", "{}", {}, 404, "NOT_FOUND"],
    ["no batch of Cap'n Web", "/rpc", "nonsense", {}, 400, "INVALID_ARGUMENT"],
  ])("%s", async (_name, path, body, headers, status, code) => {
    const answer = await post(path, body, headers);
    expect(await json(answer)).toMatchObject({ status, body: { code, status, requestId: expect.any(String) } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  });

  it("names the nearest method", async () => {
    expect((await json(await post("/rpc/db/gett", {}))).body["message"]).toBe('db has no such method; did you mean "get"?');
    expect((await json(await post("/rpc/bd/get", {}))).body["message"]).toBe('There is no such service; did you mean "db"?');
  });

  it("another method is 405 and says which are allowed", async () => {
    for (const [method, path, allow] of [
      ["GET", "/execute", "POST"],
      ["PUT", "/executions/x", "GET, DELETE"],
      ["DELETE", "/auth", "GET"],
      ["POST", "/health", "GET"],
    ] as const) {
      const response = await host.ask(path, { method });
      expect(response.status, `${method} ${path}`).toBe(405);
      expect(response.headers.get("allow")).toBe(allow);
    }
  });

  it("bytes that are no UTF-8", async () => {
    const response = await host.ask("/execute", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Uint8Array([0x7b, 0xff, 0xfe]),
    });
    expect(await json(response)).toMatchObject({ status: 400, body: { code: "INVALID_ARGUMENT" } });
  });
});

describe("executions", () => {
  it("list, get, and cancel by HTTP", async () => {
    const running = host.execute({ code: "await new Promise((r) => setTimeout(r, 30_000))" }, { accept: "text/event-stream" });
    const id = (await running).headers.get("x-execution-id") ?? "";
    expect(await json(await host.ask(`/executions?state=running&limit=5`))).toMatchObject({ body: { items: [{ id, state: "running" }] } });
    expect(await json(await host.ask(`/executions/${id}`))).toMatchObject({
      body: { id, state: "running", code: expect.stringContaining("30_000") },
    });
    expect(await json(await host.ask(`/executions/${id}`, { method: "DELETE" }))).toEqual({ status: 200, body: { cancelled: true } });
    expect(await (await running).text()).toContain('"outcome":"cancelled"');
    expect(await json(await host.ask(`/executions/${id}`))).toMatchObject({ body: { state: "ended", outcome: "cancelled" } });
    expect(await json(await host.ask("/executions?nope=1"))).toMatchObject({ status: 400 });
    expect(await json(await host.ask("/executions?limit=x"))).toMatchObject({ status: 400 });
  });
});

describe("POST /rpc/:service/:method", () => {
  it("takes params by position and by name, and answers {result}", async () => {
    expect(await json(await post("/rpc/db/upsert", { params: ["users", "u1", { name: "Ada" }] }))).toMatchObject({
      status: 200,
      body: { result: { created: true, entity: { version: 1 } } },
    });
    expect(await json(await post("/rpc/db/get", { params: { collection: "users", id: "u1" } }))).toMatchObject({
      body: { result: { data: { name: "Ada" } } },
    });
    expect(await json(await post("/rpc/db/get", { params: ["users", "nobody"] }))).toEqual({ status: 200, body: { result: null } });
    expect(await json(await post("/rpc/db/query", { params: ["SELECT x'01ff' AS b"] }))).toMatchObject({
      body: { result: { rows: [{ b: "Af8=" }] }, resultEncoding: { "/rows/0/b": "Uint8Array" } },
    });
  });
});

interface Remote {
  authenticate(key: string): Remote;
  whoami(): Promise<{ principal: { kind: string } }>;
  execute(request: object, onEvent?: (event: unknown) => void): Promise<{ result: unknown; outcome: string }>;
  db: { get(collection: string, id: string): Promise<{ data: unknown } | null>; upsert(...args: unknown[]): Promise<unknown> };
}

describe("Cap'n Web", () => {
  it("a batch by POST: authenticate and call in one round trip", async () => {
    await post("/rpc/db/upsert", { params: ["capnweb", "1", { a: 1 }] });
    using batch = newHttpBatchRpcSession(`${host.url}/rpc`) as unknown as Remote & Disposable;
    expect(await batch.authenticate(host.rootKey).db.get("capnweb", "1")).toMatchObject({ data: { a: 1 } });
  });

  it("anonymous may not", async () => {
    using batch = newHttpBatchRpcSession(`${host.url}/rpc`) as unknown as Remote & Disposable;
    await expect(batch.execute({ code: "return 1" })).rejects.toThrow('tier "anonymous" may not');
  });

  it("map() is refused before anything is made of it", async () => {
    const messages = [
      '["push",[[0,0]]]',
      '["push",["remap",1,[],[["import",1]],[["remap",-1,[],[],[["pipeline",0]]]]]]',
      '["pull",2]',
    ].join("\n");
    const response = await fetch(`${host.url}/rpc`, { method: "POST", body: messages });
    expect(await json(response)).toMatchObject({
      status: 400,
      body: { reason: "BAD_BATCH", message: expect.stringContaining("without map()") },
    });
  });

  it("its errors carry no stack", async () => {
    const response = await fetch(`${host.url}/rpc`, { method: "POST", body: '["push",["pipeline",0,["db"],[]]]\n["pull",1]' });
    expect(await response.text()).not.toMatch(/index\.js|bundle/);
  });

  it("a method that is not there is NOT_FOUND, not a defect", async () => {
    using batch = newHttpBatchRpcSession(`${host.url}/rpc`) as unknown as { nope(): Promise<unknown> } & Disposable;
    const error = await Promise.resolve(batch.nope()).catch((e: unknown) => e);
    expect(error).toMatchObject({ message: "There is no method nope", code: "NOT_FOUND", reason: "UNKNOWN_METHOD" });
  });

  it("a wrong key is refused, and its error says nothing of the host", async () => {
    using batch = newHttpBatchRpcSession(`${host.url}/rpc`) as unknown as Remote & Disposable;
    const error = await Promise.resolve(batch.authenticate("wrong").whoami()).catch((e: unknown) => e as Error);
    expect(String((error as Error).message)).toBe("Cannot authenticate: the credential is not valid");
    expect(String((error as Error).stack ?? "")).not.toContain("workers/do");
  });

  it("a session by WebSocket, with typed values and logs by callback", async () => {
    using session = newWebSocketRpcSession(`${host.url.replace("http", "ws")}/rpc`) as unknown as Remote & Disposable;
    const root = session.authenticate(host.rootKey);
    const logs: string[] = [];
    const answer = await root.execute(
      { code: "console.log('hi'); return new Date(5)" },
      (event) => void logs.push((event as { type: string }).type),
    );
    expect(answer).toMatchObject({ outcome: "ok", result: new Date(5) });
    expect(logs).toEqual(["started", "log", "result"]);
  });
});
