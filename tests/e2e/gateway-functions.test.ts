import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Session } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let session: Session;
beforeAll(async () => {
  host = await testHost();
  session = connect(host.url, host.rootKey);
});
afterAll(() => host.stop());

/** The gateway as the SDK has it until it has types of its own. */
const gateway = () => session.gateway as unknown as Record<string, (...args: unknown[]) => Promise<never>>;
const deploy = (name: string, upload: object) => gateway()["deploy"]?.(name, upload) as Promise<unknown> as Promise<{ version: string }>;

describe("functions on the host", () => {
  it("are deployed, called, and answer over HTTP", async () => {
    const { version } = await deploy("hello", {
      modules: {
        "a.ts": 'import { greet } from "./b";\nexport default { fetch: (r: Request) => new Response(greet(new URL(r.url).pathname)) }',
        "b.ts": "export const greet = (s: string) => `hi ${s}`",
      },
      mainModule: "a.ts",
    });
    const response = await host.ask("/fn/root/hello/world");
    expect([response.status, await response.text(), response.headers.get("x-function-version")]).toEqual([200, "hi /world", version]);
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await host.ask("/fn/root/hello/x")).headers.get("x-execution-id")),
    );
    expect(new Set(ids).size).toBe(20);
  });

  it("one that does not end is ended, and the others go on", async () => {
    await deploy("loops", { code: "export default { fetch() { for (;;); } }", limits: { cpuMs: 200 } });
    await deploy("fine", { code: "export default { fetch: () => Response.json(1) }" });
    const [loops, ...fine] = await Promise.all([
      host.ask("/fn/root/loops"),
      ...Array.from({ length: 10 }, () => host.ask("/fn/root/fine")),
    ]);
    expect([loops.status, await loops.json()]).toMatchObject([502, { reason: "FUNCTION_CPU_LIMIT" }]);
    expect(fine.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  });

  it("one that loops while it is loaded is refused", async () => {
    await expect(deploy("top", { code: "for (;;);\nexport default () => 1" })).rejects.toMatchObject({
      code: "UNPROCESSABLE",
      reason: "CPU_LIMIT",
    });
  });

  it("a body streams in and out", async () => {
    await deploy("upper", {
      code: "export default { fetch: (request) => new Response(request.body, { headers: { 'content-type': 'text/plain' } }) }",
    });
    const big = "x".repeat(3_000_000);
    const response = await host.ask("/fn/root/upper", { method: "POST", body: big });
    expect((await response.text()).length).toBe(big.length);
  });

  it("an isolate is warm for the next call, and not for another version's", async () => {
    await deploy("counts", { code: "let n = 0; export default { fetch: () => Response.json(++n) }" });
    const counts = [];
    for (let i = 0; i < 5; i++) counts.push(Number(await (await host.ask("/fn/root/counts")).text()));
    expect(Math.max(...counts)).toBeGreaterThan(1);
  });

  it("a function that ends in the middle of its answer breaks the answer off", async () => {
    await deploy("breaks", {
      code: `export default { fetch() { const { readable, writable } = new TransformStream(); const w = writable.getWriter();
        w.write(new TextEncoder().encode("begin")).then(() => new Promise((r) => setTimeout(r, 100))).then(() => { for (;;); }); return new Response(readable); } }`,
      limits: { cpuMs: 200 },
    });
    const response = await host.ask("/fn/root/breaks");
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it("code that runs in code is compiled, and deploys, though the compiler is one", async () => {
    const code = `const nested = await env.DO.execute({ code: "namespace N { export const n = 1 } return N.n" });
      const { created } = await gateway.deploy("by-code", { modules: { "a.ts": "import './b'; export default () => 7", "b.ts": "" }, mainModule: "a.ts" });
      return [nested.result, created, await gateway.invoke("by-code", 1)]`;
    expect(await (await host.execute({ code })).json()).toMatchObject({ result: [1, true, 7] });
  });
});
