import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExecutionAnswer } from "../../../sdk/src/types.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { startNetworkWorker, type NetworkWorker } from "../../support/network-worker.ts";
import { spelled } from "../../support/spellings.ts";
import { startUpstream, type Upstream } from "../../support/upstream.ts";

const REACHED = "reached the listener";

let canary: Upstream;
beforeAll(async () => {
  canary = await startUpstream();
  canary.handle = (_request, response) => void response.end(REACHED);
});
afterAll(() => canary.stop());

describe("with the widest rules that there are", () => {
  let host: TestHost;
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await startUpstream();
    host = await testHost({ loopbackOrigins: [upstream.origin] });
    const rules = {
      allow: { "*": [], [`*:${canary.port}`]: [], [`127.0.0.1:${upstream.port}`]: [] },
      subnets: { allow: ["0.0.0.0/0", "::/0"] },
    };
    const response = await host.ask("/rpc/gateway/setEgress", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ params: [rules] }),
    });
    if (response.status !== 200) throw new Error(await response.text());
  });
  afterAll(() => Promise.all([host.stop(), upstream.stop()]));

  async function run(code: string, input: unknown): Promise<ExecutionAnswer> {
    return (await (await host.execute({ code, input, timeoutMs: 60_000 })).json()) as ExecutionAnswer;
  }

  it("the listener is there, and what may be reached is", async () => {
    expect(await (await fetch(canary.origin)).text()).toBe(REACHED);
    canary.seen.length = 0;
    expect((await run("return (await fetch(input)).status", upstream.origin)).result).toBe(200);
  });

  it("no spelling of a private place reaches a listener", async () => {
    const code = `const out = {}; for (const url of input) out[url] = await fetch(url).then((r) => "answered " + r.status, (e) => e.code ?? e.name); return out`;
    const { result } = await run(code, spelled(canary.port));
    const answers = Object.entries(result as Record<string, string>);
    expect(answers.length).toBeGreaterThan(90);
    expect(answers.filter(([, answer]) => !/^(?:PERMISSION_DENIED|INVALID_ARGUMENT|TypeError)$/.test(answer))).toEqual([]);
    expect(canary.seen).toEqual([]);
  });

  it("nor does a redirect to any", async () => {
    // What a header can hold, and what does not lead back to where it came from.
    const isElsewhere = (text: string) => !URL.canParse(text, upstream.origin) || new URL(text, upstream.origin).origin !== upstream.origin;
    const locations = spelled(canary.port).filter((text) => /^[\x20-\x7e]*$/.test(text) && isElsewhere(text));
    upstream.handle = ({ url }, response) => void response.writeHead(302, { location: locations[Number(url.slice(1))] }).end();
    const code = `const out = []; for (let i = 0; i < input.count; i++) out.push(await fetch(input.origin + "/" + i).then((r) => "answered " + r.status, (e) => e.code)); return out`;
    const { result } = await run(code, { origin: upstream.origin, count: locations.length });
    const answers = (result as string[]).map((answer, i) => [locations[i], answer]);
    expect(answers.filter(([, answer]) => answer !== "PERMISSION_DENIED" && answer !== "INVALID_ARGUMENT")).toEqual([]);
    expect(answers.length).toBeGreaterThan(80);
    expect(canary.seen).toEqual([]);
  });

  it.each([
    ["a WebSocket", `new WebSocket(input.replace("http", "ws")); await new Promise((r) => setTimeout(r, 50)); throw new Error("none")`],
    ["a raw socket", `const { connect } = await import("cloudflare:sockets"); await connect(new URL(input).host).opened`],
    [
      "node:net",
      `const net = await import("node:net"); await new Promise((r, j) => net.connect(new URL(input).port, "127.0.0.1").on("connect", r).on("error", j))`,
    ],
    ["node:http", `const http = await import("node:http"); await new Promise((r, j) => http.get(input, r).on("error", j))`],
    [
      "an EventSource",
      `const es = new EventSource(input); await new Promise((r, j) => { es.onopen = r; es.onerror = () => j(new Error("refused")) })`,
    ],
    ["a fetch found by another name", `const f = globalThis["fet" + "ch"]; await f(input)`],
    ["its own exports", `const { exports } = await import("cloudflare:workers"); await exports.default.fetch(input)`],
  ])("nor does %s", async (_name, code) => {
    const answer = await run(`${code}; return "reached"`, canary.origin);
    expect(answer.success).toBe(false);
    expect(canary.seen).toEqual([]);
  });
});

const hasBubblewrap = spawnSync("bwrap", ["--dev-bind", "/", "/", "true"]).status === 0;

describe.skipIf(!hasBubblewrap)("the network itself, with no rule before it", () => {
  let worker: NetworkWorker;
  beforeAll(async () => {
    worker = await startNetworkWorker();
  });
  afterAll(() => worker.stop());

  it("opens no connection to any spelling", async () => {
    canary.seen.length = 0;
    worker.resolve(`127.0.0.1 localhost ${hostname()}\n::1 ip6-localhost\n`);
    const urls = [...spelled(canary.port), `http://${hostname()}:${canary.port}/`].filter((url) => /^http/i.test(url.trim()));
    // Where nothing answers at all, whether it would have been let is not waited for.
    const answers = await Promise.all(urls.map(async (url) => [url, await Promise.race([worker.ask("PUBLIC", url), after(3_000)])]));
    expect(answers.filter(([, answer]) => answer === REACHED)).toEqual([]);
    expect(canary.seen).toEqual([]);
  });

  it("looks again at each connection: a name that leads elsewhere the next time leads nowhere", async () => {
    canary.seen.length = 0;
    const url = `http://rebind.example.com:${canary.port}/`;
    worker.resolve("");
    expect(await worker.ask("PUBLIC", url)).toBe("refused");
    worker.resolve("127.0.0.1 rebind.example.com\n");
    // It does lead to the listener, for who may go there.
    expect(await worker.ask("LOOPBACK", url)).toBe(REACHED);
    canary.seen.length = 0;
    for (const lines of [
      "127.0.0.1 rebind.example.com\n",
      "::1 rebind.example.com\n",
      "::ffff:127.0.0.1 rebind.example.com\n",
      "0.0.0.0 rebind.example.com\n",
      "203.0.113.1 rebind.example.com\n127.0.0.1 rebind.example.com\n",
      "10.0.0.1 rebind.example.com\n127.0.0.1 rebind.example.com\n",
    ]) {
      worker.resolve(lines);
      expect([lines, await Promise.race([worker.ask("PUBLIC", url), after(3_000)])]).not.toContain(REACHED);
    }
    expect(canary.seen).toEqual([]);
  });
});

function after(ms: number): Promise<string> {
  return new Promise((resolve) => void setTimeout(() => resolve("no answer"), ms));
}
