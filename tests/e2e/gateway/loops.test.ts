import { request as httpRequest } from "node:http";
import { text as readText } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connect } from "../../../sdk/src/index.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { startUpstream, type Upstream } from "../../support/upstream.ts";

/** What do reaches as if from outside: it passes all on to do, with the host that it is asked by. */
let outside: Upstream;
let host: TestHost;

beforeAll(async () => {
  outside = await startUpstream();
  host = await testHost(
    { loopbackOrigins: [outside.origin], hosts: { "loops.example": "root" } },
    { executors: { min: 1, max: 8, reserve: 4 } },
  );
  const { gateway } = connect(host.url, host.rootKey);
  await gateway.setEgress({ allow: [outside.origin.replace("http://", "")] });
  const code = (path: string) =>
    `export default { async fetch(request) { const answer = await fetch("${outside.origin}${path}"); return new Response(answer.body, { status: answer.status }); } }`;
  await gateway.deploy("self", { code: code("/fn/root/self"), public: true });
  await gateway.deploy("hop", { code: code("/r/root/back"), public: true });
  await gateway.setRoute("back", { match: { path: "/back" }, target: { function: "hop" }, auth: "none", circuit: false });
  await gateway.setRoute("up", { match: { path: "/up" }, target: { url: `${outside.origin}/named/up` }, auth: "none", circuit: false });
});
afterAll(() => Promise.all([host.stop(), outside.stop()]));
beforeEach(() => {
  outside.seen.length = 0;
  outside.handle = ({ url, method, headers, body }, response) => {
    const { hostname, port } = new URL(host.url);
    const isNamed = url.startsWith("/named");
    const named = isNamed ? { ...headers, host: "loops.example" } : headers;
    httpRequest(
      { hostname, port, path: isNamed ? url.slice("/named".length) : url, method, headers: named as Record<string, string> },
      (answer) => {
        void readText(answer).then((text) => response.writeHead(answer.statusCode ?? 0, { "content-type": "application/json" }).end(text));
      },
    ).end(body);
  };
});

describe("what leads to itself by a public name ends", () => {
  it.each([
    ["a function", "/fn/root/self"],
    ["a route to a function that asks for the route", "/r/root/back"],
  ])("%s", async (_, path) => {
    const answer = await fetch(host.url + path);
    expect(answer.status).toBe(508);
    expect(await answer.json()).toMatchObject({ code: "LIMIT_EXCEEDED", reason: "LOOP_DETECTED", status: 508 });
    expect(outside.seen).toHaveLength(5);
  });

  it("a route of a host, by its host", async () => {
    const answer = await fetch(`${host.url}/r/root/up`);
    expect([answer.status, await answer.json()]).toEqual([508, expect.objectContaining({ reason: "LOOP_DETECTED" })]);
  });

  it("code that is executed", async () => {
    const code = `const [url, key, code] = input; const answer = await fetch(url + "/execute", { method: "POST", headers: { authorization: "Bearer " + key, "content-type": "application/json" }, body: JSON.stringify({ code, input }) }); return [answer.status, await answer.text()]`;
    const { result } = (await (await host.execute({ code, input: [outside.origin, host.rootKey, code] })).json()) as { result: unknown };
    expect(JSON.stringify(result)).toContain("LOOP_DETECTED");
    expect(outside.seen).toHaveLength(5);
  });

  it("and what another deployment passes on does not", async () => {
    outside.handle = (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end("[]");
    const loop = Array.from({ length: 20 }, () => "do; id=0123456789abcdef").join(", ");
    const answer = await fetch(`${host.url}/fn/root/self`, { headers: { "cdn-loop": loop } });
    expect(answer.status).toBe(200);
    expect(String(outside.seen[0]?.headers["cdn-loop"])).toMatch(/^(do; id=0123456789abcdef, ){20}do; id=[0-9a-f]{16}$/);
  });
});
