import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startIngress, type Ingress } from "../../../host/src/ingress/ingress.ts";
import type { IngressEvent } from "../../../host/src/ingress/log.ts";
import { startRecorder, type Recorder } from "../../support/recorder.ts";
import { bytes, send } from "../../support/wire.ts";
import { ADMITTED, CUT, REFUSED, type Vector } from "./vectors.ts";

const CANARY = "GET /canary HTTP/1.1\r\nHost: do.test\r\n\r\n";

let front: Recorder;
let ingress: Ingress;
const log: IngressEvent[] = [];
beforeAll(async () => {
  front = await startRecorder();
  ingress = await startIngress({
    host: "127.0.0.1",
    port: 0,
    upstream: async () => front.address,
    limits: { lingerMs: 200, connections: 1_000 },
    log: (event) => log.push(event),
  });
});
beforeEach(() => {
  front.seen.length = 0;
  log.length = 0;
});
afterAll(async () => {
  await ingress.stop();
  await front.stop();
});

const REQUEST_ID = expect.stringMatching(/^req_[0-9A-HJKMNP-TV-Z]{26}$/) as unknown;

/** What came back for the bytes and the canary behind them, what the log says, and what the front has seen. */
async function cameOf({ sent }: Vector) {
  const isHead = sent.startsWith("HEAD");
  const { answers, rest, isClosed } = await send(ingress.port, bytes(sent + CANARY), { isHead });
  const problems = answers.map(({ status, headers, body }) => ({
    status,
    type: headers.get("content-type"),
    connection: headers.get("connection"),
    requestId: headers.get("x-request-id"),
    problem: body === "" ? undefined : (JSON.parse(body) as unknown),
  }));
  const logged = log.map((event) => ("status" in event ? [event.status, event.requestId] : event));
  return { problems, rest, isClosed, logged, seen: front.seen };
}

/** One problem of the form of design.md, its connection closed, its id in the log once, and no request at the front. */
function oneProblem({ sent, status, reason }: Vector, requestId: string | null | undefined) {
  const problem = {
    type: "about:blank",
    title: expect.any(String) as unknown,
    status,
    detail: expect.any(String) as unknown,
    code: expect.stringMatching(/^(INVALID_ARGUMENT|TOO_LARGE|UNSUPPORTED)$/) as unknown,
    reason,
    message: expect.any(String) as unknown,
    retryable: false,
    requestId,
  };
  return {
    problems: [
      {
        status,
        type: "application/problem+json",
        connection: "close",
        requestId: REQUEST_ID,
        problem: sent.startsWith("HEAD") ? undefined : problem,
      },
    ],
    rest: "",
    isClosed: true,
    logged: [[status, requestId]],
    seen: [],
  };
}

describe("refused by its head: one problem, the connection closed, nothing at the front", () => {
  it("there are at least sixty", () => expect(REFUSED.length + CUT.length).toBeGreaterThan(60));

  it.each(REFUSED.map((vector) => [vector.name, vector] as const))("%s", async (_name, vector) => {
    const came = await cameOf(vector);
    expect(came).toEqual(oneProblem(vector, came.problems[0]?.requestId));
    expect(await front.connections()).toBe(0);
  });
});

describe("refused in its body: one problem, the connection closed, and the front has no whole request", () => {
  it.each(CUT.map((vector) => [vector.name, vector] as const))("%s", async (_name, vector) => {
    const came = await cameOf(vector);
    expect(came).toEqual(oneProblem(vector, came.problems[0]?.requestId));
  });
});

describe("admitted, and passed on as it was decided on", () => {
  it.each(ADMITTED.map((vector) => [vector.name, vector] as const))("%s", async (_name, { sent, seen }) => {
    const { answers } = await send(ingress.port, bytes(sent), { answers: 1 });
    expect(answers.map(({ status }) => status)).toEqual([200]);
    expect(front.seen.map(({ method, url, body }) => ({ method, url, body }))).toEqual([seen]);
  });
});
