import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createProgram } from "../../sdk/src/cli/program.ts";
import { connect } from "../../sdk/src/index.ts";
import { uploadFrom } from "../../sdk/src/node.ts";
import { doer, startDoer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let folder: string;
let env: Record<string, string>;
const run = async (args: readonly string[], stdin?: string) => doer(args, { env, cwd: folder, ...(stdin === undefined ? {} : { stdin }) });

/** The same in this process, which is sooner there: what it writes to standard output. */
async function here(...args: readonly string[]): Promise<string> {
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => said.push(String(text)) > 0);
  try {
    await createProgram(() => undefined).parseAsync(["--url", host.url, "--key", host.rootKey, ...args], { from: "user" });
    return said.join("");
  } finally {
    spy.mockRestore();
  }
}
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  host = await testHost();
  folder = mkdtempSync(join(tmpdir(), "do-deploy-"));
  env = { DO_URL: host.url, DO_KEY: host.rootKey };
  mkdirSync(join(folder, "shop/src/lib"), { recursive: true });
  mkdirSync(join(folder, "shop/node_modules/x"), { recursive: true });
  writeFileSync(
    join(folder, "shop/src/index.ts"),
    'import { price } from "./lib/price.js";\nexport default ({ input, env }) => price(input) + env.UNIT;',
  );
  writeFileSync(join(folder, "shop/src/lib/price.ts"), "export const price = (n: number): string => `${n * 2} `;");
  writeFileSync(join(folder, "shop/node_modules/x/index.js"), "not for the server");
  writeFileSync(join(folder, "hello.ts"), "export default { fetch() { console.log('said hello'); return new Response('hello') } }");
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("doer deploy", () => {
  it("takes a folder, and a file with what it imports, to the same version", async () => {
    const first = await run(["deploy", "shop", "--var", "UNIT=EUR", "--tag", "a", "b"]);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toMatch(/^shop ver_[0-9a-f]{32} is live\n$/);
    expect((await run(["deploy", "shop", "--var", "UNIT=EUR"])).stdout).toContain("as it was");
    const { modules, mainModule } = await uploadFrom(join(folder, "shop/src/index.ts"));
    expect([mainModule, Object.keys(modules)]).toEqual(["index.ts", ["index.ts", "lib/price.ts"]]);
    expect(Object.keys((await uploadFrom(join(folder, "shop"))).modules).toSorted()).toEqual(["src/index.ts", "src/lib/price.ts"]);
    const { gateway } = connect(host.url, host.rootKey);
    expect(await gateway.invoke("shop", 4)).toBe("8 EUR");
    await run(["deploy", "shop", "--var", "UNIT=USD"]);
    expect(await gateway.invoke("shop", 4)).toBe("8 USD");
    expect((await run(["functions", "versions", "shop"])).stdout.trim().split("\n")).toHaveLength(3);
    expect((await run(["rollback", "shop"])).stdout).toMatch(/^shop ver_\w+ is live\n$/);
    expect(await gateway.invoke("shop", 4)).toBe("8 EUR");
    expect((await run(["functions", "list", "--tag", "a"])).stdout).toMatch(/shop +ver_\w+ +no +a b/);
  });

  it("says what does not load, and where", async () => {
    writeFileSync(join(folder, "broken.ts"), "export default () => {\n  return 1 +;\n}");
    expect(await run(["deploy", "broken.ts"])).toMatchObject({ code: 3, stderr: expect.stringContaining("broken.ts:2:13") as string });
    expect(await run(["deploy", "gone.ts"])).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot read gone.ts") as string });
    expect(await run(["deploy", "hello.ts", "--var", "A"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("NAME=VALUE") as string,
    });
  });

  it("calls, lists and deletes objects", async () => {
    const code = `import { DurableObject } from "cloudflare:workers";
      export class Counter extends DurableObject { async add(by) { const n = ((await this.ctx.storage.get("n")) ?? 0) + by; await this.ctx.storage.put("n", n); return n } }
      export default { fetch: async (request, env) => Response.json(await env.COUNTER.getByName("a").add(10)) }`;
    writeFileSync(join(folder, "counter.ts"), code);
    expect((await run(["deploy", "counter.ts", "--objects", "COUNTER=Counter", "--public"])).code).toBe(0);
    expect(await run(["objects", "call", "counter", "a", "add", "2"])).toMatchObject({ code: 0, stdout: "2\n" });
    expect(await (await fetch(`${host.url}/fn/root/counter`)).json()).toBe(12);
    expect((await run(["objects", "list", "counter"])).stdout).toMatch(/a +Counter +20/);
    expect((await run(["objects", "call", "counter", "a", "add", "two"])).code).toBe(2);
    expect((await run(["objects", "delete", "counter", "a", "--class", "Counter"])).stdout).toBe("Deleted a\n");
    expect((await run(["objects", "list", "counter"])).stderr).toContain("There are no objects");
  });

  it("keeps secrets, and follows calls", async () => {
    expect((await run(["deploy", "hello.ts", "--public"])).code).toBe(0);
    expect(await run(["secrets", "set", "TOKEN", "--function", "hello"], "a-secret-value\n")).toMatchObject({
      code: 0,
      stdout: "TOKEN is set\n",
    });
    expect((await run(["secrets", "list", "--function", "hello"])).stdout).toMatch(/TOKEN +20/);
    const tail = startDoer(["tail", "hello", "--calls", "1"], { env });
    await tail.untilStderr("Waiting for calls");
    expect(await (await fetch(`${host.url}/fn/root/hello`)).text()).toBe("hello");
    const { code, stdout } = await tail.finished;
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ok GET \/ \d+ ms ver_\w+ exec_\w+\n.*said hello/)]);
    expect((await run(["secrets", "delete", "TOKEN", "--function", "hello"])).stdout).toBe("TOKEN is deleted\n");
    expect((await run(["functions", "delete", "hello"])).stdout).toBe("Deleted hello\n");
    expect((await fetch(`${host.url}/fn/root/hello`)).status).toBe(404);
  });
});

describe("doer functions", () => {
  it("calls, shows, changes and says what was live", async () => {
    writeFileSync(
      join(folder, "tools.ts"),
      `import { WorkerEntrypoint } from "cloudflare:workers";
       export default ({ input, env }) => ({ got: input, unit: env.UNIT, big: 2n ** 60n });
       export class Tools extends WorkerEntrypoint { add(a, b) { return a + b; } }`,
    );
    writeFileSync(join(folder, "egress.json"), JSON.stringify({ allow: ["api.example.com"] }));
    expect(await here("deploy", file("tools.ts"), "--egress", file("egress.json"))).toMatch(/^tools ver_\w+ is live\n$/);
    expect(await here("functions", "call", "tools", "add", "1", "2", "--entrypoint", "Tools")).toBe("3\n");
    expect(JSON.parse(await here("functions", "invoke", "tools", "--input", '{"a":1}', "--json"))).toEqual({
      result: { got: { a: 1 }, unit: null, big: "1152921504606846976" },
      resultEncoding: expect.anything() as object,
    });
    const info = JSON.parse(await here("functions", "update", "tools", "--tag", "x", "--public")) as {
      tags: string[];
      public: boolean;
    };
    expect(info).toMatchObject({ tags: ["x"], public: true });
    expect(JSON.parse(await here("functions", "update", "tools", "--no-tags"))).toMatchObject({ tags: [], public: true });
    const shown = JSON.parse(await here("functions", "show", "tools", "--json")) as {
      deployment: { shares: { version: string }[] };
    };
    const id = shown.deployment.shares[0]?.version ?? "";
    expect(await here("functions", "deployments", "tools")).toContain(id);
    expect(JSON.parse(await here("functions", "version", "tools", id))).toMatchObject({
      files: ["tools.ts"],
      settings: { egress: { allow: ["api.example.com"] } },
    });
    expect(await here("functions", "version", "tools", id, "--file", "tools.ts")).toContain("class Tools");
    await expect(here("functions", "version", "tools", id, "--file", "no.ts")).rejects.toThrow("it has tools.ts");
  });
});

describe("doer variables", () => {
  it("sets, lists and deletes what the next call has", async () => {
    writeFileSync(join(folder, "unit.ts"), "export default ({ env }) => env.UNIT + env.SIGN");
    await here("deploy", file("unit.ts"));
    expect(await here("variables", "set", "UNIT", "EUR", "--function", "unit")).toBe("UNIT is set\n");
    expect(await run(["variables", "set", "SIGN"], "+\n")).toMatchObject({ code: 0, stdout: "SIGN is set\n" });
    expect(await here("functions", "invoke", "unit")).toBe("EUR+\n");
    expect(await here("variables", "list", "--function", "unit")).toMatch(/UNIT +EUR +20/);
    expect(await here("variables", "delete", "UNIT", "--function", "unit")).toBe("UNIT is deleted\n");
    expect(await here("functions", "invoke", "unit")).toBe("undefined+\n");
    await expect(here("variables", "set", "no-name", "x")).rejects.toThrow("letters, digits and _");
  });
});

describe("doer namespaces and routes", () => {
  it("look after namespaces and circuits", async () => {
    expect(await here("namespaces", "create", "customers")).toBe("customers is there\n");
    expect(await here("namespaces", "list")).toMatch(/customers +0 /);
    expect(await here("namespaces", "delete", "customers")).toBe("customers is deleted\n");
    writeFileSync(
      join(folder, "route.json"),
      JSON.stringify({ match: { path: "/x", headers: { "x-beta": { exact: "1" } } }, target: { function: "shop" }, auth: "none" }),
    );
    expect(await here("routes", "set", "beta", file("route.json"))).toBe("beta is made\n");
    expect(await here("routes", "match", `${host.url}/r/root/x`, "--header", "x-beta: 1")).toContain("beta -> function:shop");
    expect(await here("routes", "match", `${host.url}/r/root/x`)).toContain("no route");
    await fetch(`${host.url}/r/root/x`, { headers: { "x-beta": "1" } });
    expect(await here("routes", "circuits")).toMatch(/function:shop +closed/);
    expect(await here("routes", "close", "function:shop")).toBe("function:shop is asked again\n");
  });
});
