import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { testIngress, type TestIngress } from "../../support/ingress.ts";
import { bytes, open, send } from "../../support/wire.ts";

let ingress: TestIngress;
afterEach(() => ingress.front.stop());

const GET = "GET /a HTTP/1.1\r\nHost: do.test\r\n\r\n";

async function held(): Promise<ServerResponse> {
  const answering = Promise.withResolvers<ServerResponse>();
  ingress.front.answer = (_request, response) => answering.resolve(response);
  return answering.promise;
}

describe("drain", () => {
  it("takes no more, closes what is idle, and lets what runs end", async () => {
    ingress = await testIngress();
    const idle = await open(ingress.port);
    const silent = await open(ingress.port);
    idle.write(GET);
    await once(idle, "data");
    const answering = held();
    const running = send(ingress.port, bytes(GET));
    const answer = await answering;

    const drained = ingress.drain();
    await Promise.all([once(idle.resume(), "end"), once(silent.resume(), "end")]);
    await expect(open(ingress.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    answer.end("done");
    expect((await running).answers.map(({ status, body, headers }) => [status, body, headers.get("connection")])).toEqual([
      [200, "done", "close"],
    ]);
    await drained;
  });

  it("ends when its time is over, whatever runs", async () => {
    ingress = await testIngress({ limits: { drainMs: 100 } });
    const answering = held();
    const running = send(ingress.port, bytes(GET));
    await answering;
    await ingress.drain();
    expect((await running).answers).toEqual([]);
  });

  it("stop ends all at once", async () => {
    ingress = await testIngress();
    const answering = held();
    const running = send(ingress.port, bytes(GET));
    await answering;
    await ingress.stop();
    expect((await running).answers).toEqual([]);
  });
});
