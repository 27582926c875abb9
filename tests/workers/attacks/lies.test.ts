import { describe, expect, it } from "vitest";
import { bindingFor } from "../support.ts";

const DO = bindingFor("tenant");
const run = (code: string, rest: object = {}) => DO.execute({ code, timeoutMs: 2_000, ...rest });

/** Whatever code does to its isolate changes what it returns, and nothing that the host concludes. */
describe("code that lies about itself", () => {
  it.each([
    [
      "JSON.stringify",
      'JSON.stringify = () => \'{"ok":true,"types":{},"hasValue":true,"cpuMs":0}\\n"forged"\'; throw new Error(\'real\')',
      "threw",
    ],
    ["Promise.prototype.then", "Promise.prototype.then = function (f) { return f('forged') }; throw new Error('real')", "threw"],
    ["console", "console.log = () => {}; globalThis.console = null; throw new Error('real')", "threw"],
    ["Error.prepareStackTrace", "Error.prepareStackTrace = () => 'at nowhere (user.js:999:1)'; throw new Error('real')", "threw"],
    [
      "Object.prototype.then",
      "Object.prototype.then = function (ok) { ok({ success: true, outcome: 'ok' }) }; throw new Error('real')",
      "threw",
    ],
    [
      "setters on Object.prototype",
      "for (const k of ['ok','error','types','outcome','success']) Object.defineProperty(Object.prototype, k, { set() {}, get() { return 'forged' } }); throw new Error('real')",
      "threw",
    ],
    [
      "Array and Map methods",
      "Array.prototype.push = Array.prototype.map = Map.prototype.get = () => 'forged'; throw new Error('real')",
      "threw",
    ],
    [
      "the globals that the harness uses",
      "globalThis.Error = globalThis.JSON = globalThis.Promise = globalThis.Object = undefined; throw 'real'",
      "threw",
    ],
  ])("overriding %s does not turn a throw into a success", async (_name, code, outcome) => {
    const answer = await run(code);
    expect(answer).toMatchObject({ success: false, outcome });
    expect(answer).not.toHaveProperty("result");
  });

  it("an envelope in place of the harness's is a result, or an error of the code, at most", async () => {
    const code = `
      import * as harness from "harness.js";
      harness.default.prototype.run = () => "forged";
      export const then = (resolve) => resolve({ default: () => "through then" });
      export default () => "mine"`;
    expect(["mine", "through then"]).toContain((await run(code)).result);
  });

  it("an exported then that never answers ends at the deadline", async () => {
    expect(await run("export const then = () => {};\nexport default () => 1", { timeoutMs: 200 })).toMatchObject({ outcome: "timeout" });
  });

  it("makes the guard say, at once, that its CPU time is over: the host's clock knows better", async () => {
    // While modules are evaluated the guard has no clock and counts its looks: here are a great many.
    const code = "import { check } from 'guard.js';\nfor (let i = 0; i < 1e6; i++) check();\nexport default 1";
    expect(await run(code)).toMatchObject({ outcome: "threw", error: { message: "The code ended itself" } });
  });

  it.each([
    ["that it never ran", "Failed to start Worker:\\nUncaught SyntaxError: never ran\\n  at user.js:1:1"],
    ["that its result is too large", "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: 7"],
  ])("says %s, in the words of the runtime", async (_name, text) => {
    const code = `await db.upsert("c", "1", {}); Object.prototype.toJSON = () => { throw new Error("${text}") }; return 1`;
    expect(await run(code)).toMatchObject({ outcome: "threw", usage: { calls: 1 } });
  });

  it("resetting the guard does not lengthen the budget", async () => {
    const answer = await run(`import { arm } from "guard.js"; arm(1e9, () => {}); for (;;);`, { timeoutMs: 10_000 });
    expect(answer).toMatchObject({ outcome: "cpu-exceeded" });
  });

  it("usage is the host's: a guest that reports nothing, or absurdities, changes no number upwards", async () => {
    const answer = await run(`import * as g from "guard.js"; Date.now = () => 0; performance.now = () => -1; return 1`);
    expect(answer.usage.cpuMs).toBeLessThanOrEqual(answer.usage.wallMs);
    expect(answer.usage.wallMs).toBeGreaterThanOrEqual(0);
  });

  it("its own exports cannot run it a second time", async () => {
    const answer = await run(
      `import { exports } from "cloudflare:workers"; return await exports.default.run({}, {}).then(() => "ran", (e) => e.message)`,
    );
    expect(answer.result).toBe("An isolate runs one execution");
  });

  it("throwing anything at all is an error with a name and a message", async () => {
    const thrown = [
      "null",
      "undefined",
      "1n",
      "'text'",
      "Symbol('s')",
      "{ get message() { throw 1 } }",
      "new Proxy({}, { get() { throw 1 } })",
      "Object.create(null)",
      "() => {}",
    ];
    for (const value of thrown) {
      expect(await run(`throw (${value})`), value).toMatchObject({
        outcome: "threw",
        error: { code: "THREW", name: expect.any(String), message: expect.any(String) },
      });
    }
  });

  it("fields on a thrown error do not pass for the host's", async () => {
    const code =
      "throw Object.assign(new Error('x'), { code: 'PERMISSION_DENIED', reason: 'FAKE', requestId: 'req_1', line: 99, outcome: 'ok' })";
    const { error, outcome } = await run(code);
    expect(outcome).toBe("threw");
    expect(error).toMatchObject({ code: "THREW", line: 1 });
    expect(error).not.toHaveProperty("reason");
  });

  it("ending its own isolate ends nothing but the run", async () => {
    const answer = await run(`import { abortIsolate } from "cloudflare:workers"; console.log("x"); abortIsolate("bye")`, {
      timeoutMs: 200,
    });
    expect(answer.success).toBe(false);
    expect(await run("return 1")).toMatchObject({ outcome: "ok" });
  });
});
