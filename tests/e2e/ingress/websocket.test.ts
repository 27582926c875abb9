import { once } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testIngress, type TestIngress } from "../../support/ingress.ts";
import { bytes, open, send } from "../../support/wire.ts";

let ingress: TestIngress;
beforeEach(async () => {
  ingress = await testIngress({ limits: { drainMs: 10_000, lingerMs: 2_000 } });
});
afterEach(() => ingress.stop());

const UPGRADE = [
  "GET /rpc?a HTTP/1.1",
  "Host: do.test",
  "Connection: keep-alive, Upgrade",
  "Upgrade: WebSocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: rpc",
  "\r\n",
].join("\r\n");
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/** Both ends of one WebSocket, behind its upgrade. */
async function both(first = "", sent = ""): Promise<{ caller: Socket; front: Duplex; received: () => string; head: string }> {
  const upgraded = Promise.withResolvers<Duplex>();
  ingress.front.upgrade = (_request, socket) => {
    socket.write(bytes(SWITCHING + first));
    upgraded.resolve(socket);
  };
  const caller = await open(ingress.port);
  let received = "";
  caller.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
  caller.write(bytes(UPGRADE + sent));
  const front = await upgraded.promise;
  await expect.poll(() => received).toContain("\r\n\r\n");
  const head = received.slice(0, received.indexOf("\r\n\r\n") + 4);
  return { caller, front, received: () => received.slice(head.length), head };
}

const text = (payload: string) => `\x81${String.fromCharCode(payload.length)}${payload}`;
const GOING_AWAY = "\x88\x02\x03\xe9";

describe("a WebSocket", () => {
  it("is upgraded by the front, and what is sent with the upgrade is not lost", async () => {
    const { front, received, head } = await both(text("hello"), "first");
    expect(head).toMatch(
      /^HTTP\/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nSec-WebSocket-Accept: s3p\S+\r\nx-request-id: req_/,
    );
    const [chunk] = (await once(front, "data")) as [Buffer];
    expect(chunk.toString()).toBe("first");
    await expect.poll(received).toBe(text("hello"));
  });

  it("carries bytes both ways, and its end is passed on", async () => {
    const { caller, front, received } = await both();
    front.on("data", (chunk: Buffer) => front.write(chunk));
    caller.write(bytes(text("ping")));
    await expect.poll(received).toBe(text("ping"));
    caller.end();
    await Promise.all([once(front, "end"), once(caller, "close")]);
    await expect.poll(() => ingress.log).toMatchObject([{ event: "request", method: "GET", path: "/rpc", status: 101 }]);
  });

  it("ends at the other end when one is lost", async () => {
    const one = await both();
    one.caller.destroy();
    await once(one.front.resume(), "end");
    one.front.destroy();
    const other = await both();
    other.front.destroy();
    await once(other.caller, "close");
    expect(await ingress.front.connections()).toBe(0);
  });

  it("that the front refuses is answered as any request", async () => {
    ingress.front.upgrade = (_request, socket) => void socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nX-A: b\r\n\r\nno");
    const { answers, isClosed } = await send(ingress.port, bytes(UPGRADE));
    expect(answers.map(({ status, body, headers }) => [status, body, headers.get("x-a")])).toEqual([[401, "no", "b"]]);
    expect(isClosed).toBe(true);
  });

  it("that finds no front is 503", async () => {
    await ingress.stop();
    ingress = await testIngress({ upstream: () => Promise.reject(new Error("none")) });
    const { answers } = await send(ingress.port, bytes(UPGRADE));
    expect(answers.map(({ status, headers }) => [status, headers.get("retry-after")])).toEqual([[503, "1"]]);
  });

  it("is not begun while a request is still to be answered", async () => {
    const { answers, rest } = await send(ingress.port, bytes(`GET /a HTTP/1.1\r\nHost: do.test\r\n\r\n${UPGRADE}`));
    expect({ statuses: answers.map(({ status }) => status), rest }).toEqual({ statuses: [200, 400], rest: "" });
  });

  it("is told 1001 when the host drains: at once between frames, else at the end of the frame", async () => {
    const between = await both(text("one"));
    const within = await both();
    within.front.write(bytes(text("two").slice(0, 3)));
    await expect.poll(within.received).toBe(text("two").slice(0, 3));
    await expect.poll(between.received).toBe(text("one"));
    const drained = ingress.drain();
    await expect.poll(between.received).toBe(text("one") + GOING_AWAY);
    expect(within.received()).toBe(text("two").slice(0, 3));
    // What the caller answers reaches the front.
    between.caller.write(bytes("\x88\x82mask\x6e\x88"));
    const [closing] = (await once(between.front, "data")) as [Buffer];
    expect(closing.toString("latin1")).toBe("\x88\x82mask\x6e\x88");
    within.front.write(bytes(text("two").slice(3) + text("three")));
    await expect.poll(within.received).toBe(text("two") + GOING_AWAY);
    between.front.end();
    within.caller.end();
    await once(between.caller, "close");
    await drained;
  });
});
