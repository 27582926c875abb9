import { newWebSocketRpcSession } from "capnweb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startIngress, type Ingress } from "../../../host/src/ingress/ingress.ts";
import { ROOT_KEY, startFront, type Front } from "../../support/front.ts";

let front: Front;
let ingress: Ingress;
beforeAll(async () => {
  front = await startFront();
  ingress = await startIngress({
    host: "127.0.0.1",
    port: 0,
    upstream: async () => front.address,
    limits: { connections: 1_000, upstreamWaitMs: 20_000 },
    log: () => {},
  });
});
afterAll(async () => {
  await ingress.stop();
  await front.stop();
});

const execute = (request: object, headers: Record<string, string> = {}) =>
  fetch(`${ingress.url}/execute`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ROOT_KEY}`, ...headers },
    body: JSON.stringify(request),
  });

interface Api {
  authenticate(key: string): { execute(request: object): Promise<{ result: unknown }> };
}

describe("do behind the ingress", () => {
  it("runs code", async () => {
    const response = await execute({ code: "return input.n + 1", input: { n: 1 } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ outcome: "ok", result: 2 });
  });

  it("names a request as the ingress does, and nobody else can name it", async () => {
    const response = await fetch(`${ingress.url}/nowhere`, {
      headers: { authorization: `Bearer ${ROOT_KEY}`, "x-do-request-id": "req_00000000000000000000000000" },
    });
    const requestId = response.headers.get("x-request-id");
    expect(requestId).not.toBe("req_00000000000000000000000000");
    expect(await response.json()).toMatchObject({ status: 404, requestId });
  });

  it("streams logs while the code runs", async () => {
    const code = "console.log('first'); await db.upsert('a', 'b', {}); return 1";
    const response = await execute({ code }, { accept: "text/event-stream" });
    const events = [...(await response.text()).matchAll(/^event: (\w+)/gm)].map(([, name]) => name);
    expect(events).toEqual(["log", "result"]);
  });

  it("speaks Cap'n Web over a WebSocket", async () => {
    using api = newWebSocketRpcSession<Api>(`${ingress.url.replace("http", "ws")}/rpc`);
    expect(await api.authenticate(ROOT_KEY).execute({ code: "return 6 * 7" })).toMatchObject({ result: 42 });
  });

  it("refuses a large body before it has come, and the caller reads why", async () => {
    for (let i = 0; i < 10; i++) {
      const response = await fetch(`${ingress.url}/execute`, { method: "POST", body: Buffer.alloc(20_000_000) });
      expect(response.status).toBe(401);
    }
  });

  it("answers many at once", async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, () => fetch(`${ingress.url}/health`).then(({ status }) => status)));
    expect(new Set(answers)).toEqual(new Set([200]));
  });

  it("is waited for while it is killed and started again", async () => {
    await front.kill();
    const answers = [fetch(`${ingress.url}/health`), execute({ code: "return 1" })];
    await front.start();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it("that is killed while it runs code is 503 with a request id, and may be asked again", async () => {
    const running = execute({ code: "console.log('on'); await new Promise(() => {})", timeoutMs: 20_000 });
    // It runs once it is listed.
    await expect
      .poll(async () => (await fetch(`${ingress.url}/executions`, { headers: { authorization: `Bearer ${ROOT_KEY}` } })).text())
      .toContain("running");
    await front.kill();
    const response = await running;
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({
      code: "UNAVAILABLE",
      reason: "FRONT_LOST",
      requestId: response.headers.get("x-request-id"),
    });
    await front.start();
    expect((await execute({ code: "return 1" })).status).toBe(200);
  });
});
