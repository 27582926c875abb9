import { describe, expect, it } from "vitest";
import { gatewayFor, refusal } from "./support.ts";

const { gateway } = gatewayFor();

describe("the forms of functions", () => {
  it("a function of one context is called with its input", async () => {
    const made = await gateway.deploy("double", { code: "export default ({ input }: { input: { n: number } }) => input.n * 2" });
    expect(made).toMatchObject({ created: true, function: { name: "double", public: false, tags: [] } });
    expect(await gateway.invoke("double", { n: 21 })).toBe(42);
  });

  it("values keep their types on the way in and out", async () => {
    await gateway.deploy("echo", { code: "export default ({ input }) => input" });
    const input = { at: new Date(1), m: new Map([[1n, new Set(["x"])]]), gone: undefined };
    expect(await gateway.invoke("echo", input)).toEqual(input);
    expect(await gateway.invoke("echo", undefined)).toBeUndefined();
  });

  it("a call can be given less time", async () => {
    await gateway.deploy("waits", { code: "export default ({ input }) => new Promise((resolve) => setTimeout(resolve, input, input))" });
    expect(await gateway.invoke("waits", 1, { timeoutMs: 5_000 })).toBe(1);
    expect(await refusal(gateway.invoke("waits", 5_000, { timeoutMs: 50 }))).toMatchObject({ code: "TIMEOUT", reason: "FUNCTION_TIMEOUT" });
  });

  it("a Worker gets its input as a request", async () => {
    await gateway.deploy("worker", {
      code: "export default { async fetch(request, env, ctx) { return Response.json({ path: new URL(request.url).pathname, body: await request.json() }, { status: 201 }) } }",
    });
    expect(await gateway.invoke("worker", { url: "/users", body: { a: 1 } })).toMatchObject({
      status: 201,
      body: { path: "/users", body: { a: 1 } },
    });
  });

  it("named entrypoints are called by method, over RPC", async () => {
    await gateway.deploy("shop", {
      code: `import { WorkerEntrypoint } from "cloudflare:workers";
        export class Admin extends WorkerEntrypoint {
          add(a: number, b: number) { return a + b }
          who() { return typeof this.env.DO + this.env.GREETING }
        }
        export default class extends WorkerEntrypoint { hello(name: string) { return "hello " + name } }`,
      bindings: [{ type: "plain_text", name: "GREETING", text: "hi" }],
    });
    expect(await gateway.function("shop")["hello"]?.("Ada")).toBe("hello Ada");
    expect(await gateway.call("shop", "add", [1, 2], { entrypoint: "Admin" })).toBe(3);
    expect(await gateway.function("shop", { entrypoint: "Admin" })["who"]?.()).toMatch(/^(function|object)hi$/);
    expect(await refusal(gateway.call("shop", "gone", []))).toMatchObject({ code: "NOT_FOUND", reason: "NO_SUCH_METHOD" });
    expect(await refusal(gateway.call("shop", "constructor", []))).toMatchObject({ code: "NOT_FOUND" });
    expect(await refusal(gateway.invoke("shop", 1, { entrypoint: "Nobody" }))).toMatchObject({
      code: "NOT_FOUND",
      reason: "NO_SUCH_ENTRYPOINT",
    });
  });

  it("several files become one module, and errors name the file and line", async () => {
    await gateway.deploy("files", {
      modules: {
        "src/index.ts":
          'import { f } from "./lib/f";\nimport data from "../data.json";\nexport default ({ input }) => f(input) + data.more;',
        "src/lib/f.ts":
          "enum E { A = 1 }\nexport function f(n: number): number {\n  if (n < 0) throw new RangeError(`no ${n}`);\n  return n + E.A;\n}",
        "data.json": '{"more": 10}',
      },
      mainModule: "src/index.ts",
    });
    expect(await gateway.invoke("files", 1)).toBe(12);
    const error = await gateway.invoke("files", -1).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "UPSTREAM", reason: "FUNCTION_THREW", message: "files: RangeError: no -1" });
    expect(error).toMatchObject({ details: { outcome: "threw", error: { file: "src/lib/f.ts", line: 3 } } });
  });

  it("a function calls services as itself, and another function by name", async () => {
    await gateway.deploy("outer", {
      code: 'export default async ({ gateway, db }) => { await db.insert("seen", { a: 1 }); return [await gateway.invoke("double", { n: 4 }), (await db.list("seen")).items.length] }',
    });
    expect(await gateway.invoke("outer", undefined)).toEqual([8, 1]);
  });
});
