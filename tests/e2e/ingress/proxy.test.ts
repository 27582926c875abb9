import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testIngress, type TestIngress } from "../../support/ingress.ts";
import { startRecorder } from "../../support/recorder.ts";
import { answersIn, bytes, open, send } from "../../support/wire.ts";

let ingress: TestIngress;
beforeEach(async () => {
  ingress = await testIngress({ limits: { bodyBytes: 1_000, upstreamWaitMs: 300 } });
});
afterEach(() => ingress.stop());

const HOST = "Host: do.test\r\n";
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`;
const statuses = async (sent: string, answers?: number) =>
  (await send(ingress.port, bytes(sent), answers === undefined ? {} : { answers })).answers.map(({ status }) => status);

describe("headers", () => {
  it("of the caller: what is for one hop is dropped, what is a claim is dropped, what the ingress knows is set", async () => {
    const claims = [
      "X-Forwarded-For: 10.0.0.1",
      "x-forwarded-proto: https",
      "Forwarded: for=10.0.0.1",
      "CF-Connecting-IP: 10.0.0.1",
      "X-Real-IP: 10.0.0.1",
      "X-Do-Peer: 10.0.0.1",
      "x_do_peer: 10.0.0.1",
      "x-do-request-id: req_00000000000000000000000000",
      "X-HTTP-Method-Override: DELETE",
      "X-Original-URL: /rpc",
      "Keep-Alive: timeout=5",
      "TE: trailers",
      "Proxy-Authorization: Basic eA==",
      "Connection: keep-alive, X-Mine",
      "X-Mine: secret",
    ];
    const { answers } = await send(ingress.port, bytes(`GET /a HTTP/1.1\r\n${HOST}${claims.join("\r\n")}\r\nAccept: */*\r\n\r\n`), {
      answers: 1,
    });
    const requestId = answers[0]?.headers.get("x-request-id");
    expect(ingress.front.seen[0]?.headers).toEqual([
      ["host", "do.test"],
      ["Accept", "*/*"],
      ["traceparent", expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-00$/)],
      ["x-do-request-id", requestId],
      ["x-do-peer", "127.0.0.1"],
      ["x-do-scheme", "http"],
      ["connection", "close"],
    ]);
  });

  it("of the front: what is for one hop is dropped, and the request id is the ingress's", async () => {
    ingress.front.answer = (_request, response) =>
      void response
        .writeHead(201, [
          "X-Request-Id",
          "theirs",
          "X-Do-Secret",
          "s",
          "Connection",
          "X-Theirs",
          "X-Theirs",
          "t",
          "X-Kept",
          "k",
          "Set-Cookie",
          "a=b",
          "Set-Cookie",
          "c=d",
        ])
        .end("made");
    const response = await fetch(`${ingress.url}/a`);
    expect(response.status).toBe(201);
    expect(await response.text()).toBe("made");
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    expect(response.headers.get("x-kept")).toBe("k");
    expect(response.headers.getSetCookie()).toEqual(["a=b", "c=d"]);
    expect(["x-do-secret", "x-theirs"].filter((name) => response.headers.has(name))).toEqual([]);
  });

  it("a valid trace goes on, and the log names it", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    await fetch(`${ingress.url}/a?secret`, { headers: { traceparent, tracestate: "a=b" } });
    expect(new Map(ingress.front.seen[0]?.headers).get("traceparent")).toBe(traceparent);
    expect(new Map(ingress.front.seen[0]?.headers).get("tracestate")).toBe("a=b");
    await expect
      .poll(() => ingress.log)
      .toEqual([
        {
          event: "request",
          method: "GET",
          path: "/a",
          status: 200,
          durationMs: expect.any(Number),
          requestId: new Map(ingress.front.seen[0]?.headers).get("x-do-request-id"),
          traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          peer: "127.0.0.1",
          isCut: false,
        },
      ]);
  });
});

describe("bodies", () => {
  it("of requests: at the limit goes on, one over it is 413, said or counted", async () => {
    const chunked = (size: number) =>
      `POST /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${"x".repeat(size)}\r\n0\r\n\r\n`;
    const said = (size: number) => `POST /a HTTP/1.1\r\n${HOST}Content-Length: ${size}\r\n\r\n${"x".repeat(size)}`;
    expect(await statuses(chunked(1_000), 1)).toEqual([200]);
    expect(await statuses(said(1_000), 1)).toEqual([200]);
    expect(ingress.front.seen.map(({ body }) => body.length)).toEqual([1_000, 1_000]);
    expect(await statuses(chunked(1_001))).toEqual([413]);
    expect(await statuses(said(1_001))).toEqual([413]);
    expect(ingress.front.seen).toHaveLength(2);
  });

  it("100 comes before the body is sent, and the front is not asked for it", async () => {
    const socket = await open(ingress.port);
    socket.write(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first.toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    expect(ingress.front.seen).toEqual([]);
    socket.write("abc");
    const [second] = (await once(socket, "data")) as [Buffer];
    expect(second.toString()).toMatch(/^HTTP\/1.1 200 OK/);
    expect(ingress.front.seen.map(({ body, headers }) => [body, new Map(headers).has("expect")])).toEqual([["abc", false]]);
    socket.destroy();
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ["closes", (_request, response) => void response.writeHead(401).end("no")],
    ["stays, and reads nothing", ({ socket }) => void socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")],
  ])("an answer before the body has ended reaches a caller who sends all of it first, when the front %s", async (_name, answer) => {
    const large = await testIngress({ limits: { lingerMs: 5_000 } });
    large.front.answer = answer;
    const socket = await open(large.port);
    const size = 16 * 1024 * 1024;
    socket.pause().write(`POST /a HTTP/1.1\r\n${HOST}Content-Length: ${size}\r\n\r\n`);
    await new Promise<void>((resolve, reject) => void socket.write(Buffer.alloc(size), (error) => (error ? reject(error) : resolve())));
    const { answers } = answersIn(await buffer(socket));
    expect(answers.map(({ status, body, headers }) => [status, body, headers.get("connection")])).toEqual([[401, "no", "close"]]);
    await large.stop();
  });

  it("a body that the front does not read waits, at nobody's cost", async () => {
    const patient = await testIngress({ limits: { bodyMs: 300, bodyGraceMs: 50, sweepMs: 10 } });
    patient.front.answer = async (_request, response, seen) => {
      await delay(1_000);
      response.end(String((await seen()).body.length));
    };
    const size = 16 * 1024 * 1024;
    const response = await fetch(`${patient.url}/a`, { method: "POST", body: Buffer.alloc(size) });
    expect([response.status, await response.text()]).toEqual([200, String(size)]);
    await patient.stop();
  });

  it("a stream passes as it comes, and the front hears when the caller leaves", async () => {
    const answering = Promise.withResolvers<ServerResponse>();
    ingress.front.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
      answering.resolve(response);
    };
    const left = new AbortController();
    const response = await fetch(`${ingress.url}/a`, { signal: left.signal });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: 1\n\n");
    const answer = await answering.promise;
    answer.write("data: 2\n\n");
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: 2\n\n");
    left.abort();
    await once(answer, "close");
    expect(answer.writableFinished).toBe(false);
  });

  it("the front hears when the caller leaves before there is an answer", async () => {
    const answering = Promise.withResolvers<ServerResponse>();
    ingress.front.answer = (_request, response) => answering.resolve(response);
    const socket = await open(ingress.port);
    socket.write(POST);
    const answer = await answering.promise;
    socket.destroy();
    await once(answer, "close");
    await expect.poll(() => ingress.log).toMatchObject([{ event: "request", status: 499, isCut: true }]);
  });
});

describe("a front that is lost", () => {
  const lose = (times: number) => {
    let left = times;
    const usual = ingress.front.answer;
    const asked: string[] = [];
    ingress.front.answer = (request, response, seen) => {
      asked.push(request.method ?? "");
      if (left-- > 0) return void request.socket.destroy();
      return usual(request, response, seen);
    };
    return asked;
  };

  it("before its answer: GET and HEAD are asked once more", async () => {
    const asked = lose(1);
    expect(await statuses(GET, 1)).toEqual([200]);
    expect(asked).toEqual(["GET", "GET"]);
  });

  it("twice: 503, and the connection goes on", async () => {
    const asked = lose(2);
    const { answers } = await send(ingress.port, bytes(GET + GET), { answers: 2 });
    expect(answers.map(({ status }) => status)).toEqual([503, 200]);
    expect(asked).toEqual(["GET", "GET", "GET"]);
    expect(answers[0]?.headers.get("retry-after")).toBe("1");
    expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({
      code: "UNAVAILABLE",
      reason: "FRONT_LOST",
      retryable: true,
      retryAfterMs: 1_000,
      requestId: answers[0]?.headers.get("x-request-id"),
    });
  });

  it("before its answer: POST is not asked again, and not said to be safe to repeat", async () => {
    const asked = lose(1);
    const { answers } = await send(ingress.port, bytes(POST), { answers: 1 });
    expect(answers.map(({ status }) => status)).toEqual([503]);
    expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({
      code: "UNAVAILABLE",
      reason: "FRONT_LOST",
      retryable: false,
      retryAfterMs: 1_000,
    });
    expect(asked).toEqual(["POST"]);
  });

  it("within its answer: the connection is cut, so that the answer cannot be taken for whole", async () => {
    ingress.front.answer = (_request, response) => void response.write("half", () => response.destroy());
    const { answers, rest } = await send(ingress.port, bytes(GET + GET));
    expect(answers).toEqual([]);
    expect(rest).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n4\r\nhalf\r\n$/);
    await expect.poll(() => ingress.log).toMatchObject([{ event: "request", status: 200, isCut: true }]);
  });

  it("that is not there yet is waited for, also with POST", async () => {
    const { address } = ingress.front;
    const socketPath = "socketPath" in address ? address.socketPath : "";
    await ingress.front.stop();
    const answer = send(ingress.port, bytes(POST), { answers: 1 });
    const again = await startRecorder(socketPath);
    expect((await answer).answers.map(({ status }) => status)).toEqual([200]);
    expect(again.seen).toHaveLength(1);
    await again.stop();
  });

  it("that does not come is 503 after a while, and the request was not run", async () => {
    await ingress.front.stop();
    const { answers } = await send(ingress.port, bytes(POST), { answers: 1 });
    expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({
      status: 503,
      code: "UNAVAILABLE",
      reason: "FRONT_UNAVAILABLE",
      retryable: true,
    });
  });

  it.each([
    ["that will not come is 503 at once", () => Promise.reject(new Error("it crashes at every start")), 600_000],
    ["of which nobody knows is 503 after a while", () => new Promise<never>(() => {}), 100],
  ])("%s", async (_name, upstream, upstreamWaitMs) => {
    const none = await testIngress({ upstream, limits: { upstreamWaitMs } });
    expect((await send(none.port, bytes(POST), { answers: 1 })).answers.map(({ status }) => status)).toEqual([503]);
    await none.stop();
  });
});

describe("requests one behind the other", () => {
  it("are answered in order, one at a time", async () => {
    let running = 0;
    let most = 0;
    ingress.front.answer = async (request, response) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => void setImmediate(resolve));
      running -= 1;
      response.end(request.url);
    };
    const sent = ["/1", "/2", "/3"].map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join("");
    const { answers } = await send(ingress.port, bytes(sent), { answers: 3 });
    expect(answers.map(({ body }) => body)).toEqual(["/1", "/2", "/3"]);
    expect(most).toBe(1);
  });

  it("sixteen may wait; one more ends the connection, once the others are answered", async () => {
    expect(await statuses(GET.repeat(16), 16)).toEqual(Array.from({ length: 16 }, () => 200));
    ingress.front.seen.length = 0;
    expect(await statuses(GET.repeat(18))).toEqual([...Array.from({ length: 16 }, () => 200), 429]);
    expect(ingress.front.seen).toHaveLength(16);
  });

  it("a malformed one behind two that are right is answered third, and is the last", async () => {
    expect(await statuses(`${GET}${GET}GET / HTTP/1.1\nHost: x\n\n${GET}`)).toEqual([200, 200, 400]);
    expect(ingress.front.seen).toHaveLength(2);
  });

  it("nothing behind Connection: close is a request", async () => {
    expect(await statuses(`GET /a HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n${GET}`)).toEqual([200]);
    expect(ingress.front.seen).toHaveLength(1);
  });
});
