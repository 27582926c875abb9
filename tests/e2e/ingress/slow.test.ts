import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { IngressLimits } from "../../../host/src/ingress/limits.ts";
import { testIngress, type TestIngress } from "../../support/ingress.ts";
import { answersIn, bytes, open, send } from "../../support/wire.ts";

let ingress: TestIngress;
afterEach(() => ingress.stop());

const HOST = "Host: do.test\r\n";
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`;

async function start(limits: Partial<IngressLimits>): Promise<void> {
  ingress = await testIngress({ limits });
}

/** What comes back when nothing is sent but this, and no more. */
async function statuses(sent: string): Promise<number[]> {
  const { answers, isClosed, rest } = await send(ingress.port, bytes(sent));
  expect({ isClosed, rest }).toEqual({ isClosed: true, rest: "" });
  return answers.map(({ status }) => status);
}

describe("what does not come in time ends the connection", () => {
  it.each([
    ["the request line", "GET /a"],
    ["the headers", `GET /a HTTP/1.1\r\n${HOST}`],
    ["the second request", `${GET}GET /a`],
  ])("%s: 408", async (_name, sent) => {
    await start({ headersMs: 100 });
    const received = await statuses(sent);
    expect(received.at(-1)).toBe(408);
    expect(ingress.front.seen).toHaveLength(received.length - 1);
  });

  it("headers that come a byte at a time have no more time: 408", async () => {
    await start({ headersMs: 200 });
    const socket = await open(ingress.port);
    const slowly = setInterval(() => socket.write("a"), 10);
    socket.write(`GET /a HTTP/1.1\r\n${HOST}A: `);
    const [answer] = (await once(socket, "data")) as [Buffer];
    clearInterval(slowly);
    expect(answersIn(answer).answers.map(({ status }) => status)).toEqual([408]);
    socket.destroy();
  });

  it.each([
    ["a body that stops", { bodyGraceMs: 50 }],
    ["a body that takes too long in all", { bodyMs: 100 }],
  ])("%s: 408, and the front sees it cut", async (_name, limits) => {
    await start(limits);
    const problem = await send(ingress.port, bytes(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nabc`));
    expect(problem.answers.map(({ status, body }) => [status, (JSON.parse(body) as { code: string }).code])).toEqual([[408, "TIMEOUT"]]);
    expect(problem.isClosed).toBe(true);
    expect(ingress.front.seen).toEqual([]);
    expect(ingress.log).toMatchObject([{ event: "request", status: 408, isCut: false }]);
  });

  it("a caller that ends within its request is told that it was not whole", async () => {
    await start({});
    const socket = await open(ingress.port);
    socket.end(`POST /a HTTP/1.1\r\n${HOST}Content-`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answersIn(answer).answers.map(({ status, body }) => [status, (JSON.parse(body) as { reason: string }).reason])).toEqual([
      [400, "INCOMPLETE"],
    ]);
  });

  it("a connection that says nothing is closed without an answer", async () => {
    await start({ headersMs: 100 });
    expect(await statuses("")).toEqual([]);
  });

  it("a connection that says nothing more is closed without an answer", async () => {
    await start({ keepAliveMs: 100 });
    expect(await statuses(GET)).toEqual([200]);
  });

  it("a caller that does not read ends the answer, which the front was not let finish", async () => {
    await start({ stallMs: 1_000 });
    const written = Promise.withResolvers<number>();
    ingress.front.answer = (_request, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      let size = 0;
      const more = () => {
        if (response.destroyed) return;
        size += chunk.length;
        if (response.write(chunk)) setImmediate(more);
        else response.once("drain", more);
      };
      response.once("close", () => written.resolve(size));
      more();
    };
    const socket = await open(ingress.port);
    socket.pause();
    socket.write(GET);
    // An endless answer: what went is what the buffers between the two ends hold.
    expect(await written.promise).toBeLessThan(64 * 1024 * 1024);
    await expect.poll(() => ingress.log).toMatchObject([{ event: "request", status: 200, isCut: true }]);
    socket.destroy();
  });

  it("a stream that is silent is not idle", async () => {
    await start({ keepAliveMs: 50, headersMs: 200, stallMs: 50, bodyGraceMs: 50, bodyMs: 50 });
    const done = Promise.withResolvers<void>();
    ingress.front.answer = async (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      await done.promise;
      response.end("data: late\n\n");
    };
    const response = await fetch(`${ingress.url}/a`);
    // Five times the longest of the limits, by the ingress's own clock: others come and are closed meanwhile.
    for (let i = 0; i < 5; i++) expect(await statuses("GET")).toEqual([408]);
    done.resolve();
    expect(await response.text()).toBe("data: late\n\n");
  });
});

describe("connections", () => {
  it("at the limit are served, one over it is told so, and when one has left there is room", async () => {
    await start({ connections: 3 });
    const held = await Promise.all([1, 2].map(() => open(ingress.port)));
    expect((await send(ingress.port, bytes(GET), { answers: 1 })).answers.map(({ status }) => status)).toEqual([200]);
    const third = await open(ingress.port);
    await expect.poll(() => statuses(""), { interval: 10 }).toEqual([503]);
    third.destroy();
    await expect.poll(async () => (await send(ingress.port, bytes(GET), { answers: 1 })).answers[0]?.status).toBe(200);
    for (const socket of held) socket.destroy();
  });

  it("one address may have all of them when it is loopback", async () => {
    await start({ connectionsPerPeer: 1 });
    const first = await open(ingress.port);
    expect((await send(ingress.port, bytes(GET), { answers: 1 })).answers.map(({ status }) => status)).toEqual([200]);
    first.destroy();
  });
});
