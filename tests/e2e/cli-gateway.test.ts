import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../sdk/src/index.ts";
import { uploadFrom } from "../../sdk/src/node.ts";
import { doer, startDoer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let folder: string;
let env: Record<string, string>;
const run = async (args: readonly string[], stdin?: string) => doer(args, { env, cwd: folder, ...(stdin === undefined ? {} : { stdin }) });

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
