import { describe, expect, it } from "vitest";
import { bindingFor } from "../support.ts";

const run = (code: string, rest: object = {}, tier: "internal" | "tenant" | "public" = "public") =>
  bindingFor(tier).execute({ code, ...rest });

describe("sizes are checked before anything is parsed", () => {
  const most = 256 * 1024;

  it("code at its limit runs, one byte over does not", async () => {
    const fill = (bytes: number) => `return 1 //${"x".repeat(bytes - 11)}`;
    expect(await run(fill(most))).toMatchObject({ outcome: "ok" });
    await expect(() => run(fill(most + 1))).rejects.toMatchObject({
      code: "TOO_LARGE",
      message: `Cannot run code: size must be at most ${most} bytes, got ${most + 1}`,
    });
  });

  it("code is counted in bytes", async () => {
    await expect(() => run(`return "${"é".repeat(most / 2)}"`)).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("input at its limit runs, one byte over does not", async () => {
    expect(await run("return input.length", { input: "x".repeat(most - 2) })).toMatchObject({ outcome: "ok", result: most - 2 });
    await expect(() => run("return 1", { input: "x".repeat(most - 1) })).rejects.toMatchObject({
      code: "TOO_LARGE",
      message: `Cannot run code: input must be at most ${most} bytes, got ${most + 1}`,
    });
  });
});

describe("what a request may ask for", () => {
  it.each([
    [{ code: 1 }, "code: must be a string"],
    [{}, "code: must be a string"],
    [{ code: " \n" }, "it is empty"],
    [{ code: "1", tiemoutMs: 1 }, 'there is no member "tiemoutMs"; did you mean "timeoutMs"?'],
    [{ code: "1", timeoutMs: 0 }, "timeoutMs: must be at least 1"],
    [{ code: "1", timeoutMs: 1.5 }, "timeoutMs"],
    [{ code: "1", services: ["bd"] }, "services.0"],
    [{ code: "1", cacheTtlSeconds: 5 }, "cacheTtlSeconds needs a cacheKey"],
    [{ code: "1", cacheKey: "" }, "cacheKey: must not be empty"],
    [{ code: "1", language: "py" }, "language"],
    [{ code: "1", input: { f: undefined, g: Promise.resolve() } }, "promise"],
    ["code", "expected object"],
    [null, "expected object"],
  ])("%j is refused by name", async (request, message) => {
    await expect(async () => {
      // Over RPC the promise would not arrive; the check is the same function.
      const { parseJob } = await import("../../../workers/do/src/executor/request.ts");
      const { policy } = await import("../../../workers/do/src/policy.ts");
      parseJob(request, policy({ kind: "key", id: "k", tenant: "t", tier: "public" }));
    }).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) });
  });

  it("more time than the tier has is refused with the most named, the most itself is not", async () => {
    expect(await run("return 1", { timeoutMs: 10_000 })).toMatchObject({ outcome: "ok" });
    await expect(() => run("return 1", { timeoutMs: 10_001 })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      reason: "TIMEOUT_TOO_LONG",
      message: 'Cannot run code: timeoutMs must be at most 10000 in tier "public", got 10001',
    });
  });

  it("a service that the tier has not is refused by name", async () => {
    await expect(() => run("return 1", { services: ["db", "queue"] })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining("queue"),
    });
  });
});

describe("time", () => {
  it("a run that waits ends at its deadline, and its signal is aborted first", async () => {
    const code = `const seen = new Promise((r) => signal.addEventListener("abort", () => { console.log("aborted"); r(1) })); await seen; console.log("cleaned up"); await new Promise((r) => setTimeout(r, 60_000))`;
    const answer = await run(code, { timeoutMs: 150 });
    expect(answer).toMatchObject({
      outcome: "timeout",
      error: { code: "TIMEOUT", message: 'The code reached its time limit: wallMs is 150 in tier "public"' },
    });
    expect(answer.logs.map(({ message }) => message)).toEqual(["aborted", "cleaned up"]);
    expect(answer.usage.wallMs).toBeGreaterThanOrEqual(150);
    expect(answer.usage.wallMs).toBeLessThan(150 + 250);
  });

  it("nothing can be called after the deadline, also not while it cleans up", async () => {
    const DO = bindingFor("tenant");
    const code = `signal.addEventListener("abort", async () => console.log(await db.upsert("late", "x", {}).catch((e) => e.code))); await new Promise(() => {})`;
    const answer = await DO.execute({ code, timeoutMs: 100 });
    expect(answer).toMatchObject({ outcome: "timeout", logs: [{ message: "CANCELLED" }] });
    expect((await DO.execute({ code: "return (await db.list('late')).items" })).result).toEqual([]);
  });

  it("what it returns after the deadline does not count", async () => {
    const answer = await run(`await new Promise((r) => signal.addEventListener("abort", r)); return "late"`, { timeoutMs: 100 });
    expect(answer).toMatchObject({ outcome: "timeout" });
    expect(answer).not.toHaveProperty("result");
  });

  it("a run that ends in time is not disturbed", async () => {
    expect(await run("await new Promise((r) => setTimeout(r, 50)); return signal.aborted", { timeoutMs: 2_000 })).toMatchObject({
      result: false,
    });
  });
});

describe("CPU time, in one process, by the guard in the code", () => {
  it.each([
    ["for", "for (;;);"],
    ["while", "while (true) {}"],
    ["do while without braces", "do ; while (true)"],
    ["for in a function", "const f = () => { for (;;) {} }; f()"],
    ["for of an endless iterator", "for (const x of (function* () { for (;;) yield 1 })()) x"],
    ["recursion that is caught", "const f = (): void => { try { f() } finally { f() } }; f()"],
    ["exponential recursion", "const fib = (n: number): number => n < 2 ? n : fib(n - 1) + fib(n - 2); return fib(80)"],
    ["a loop that catches everything", "for (;;) { try { for (;;) {} } catch {} finally { continue } }"],
    ["a flood of microtasks", "const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})"],
    ["an endless await loop", "for (;;) await null"],
    ["a growing for of", "const a = [1]; for (const x of a) a.push(x)"],
    ["a Set that re-adds", "const s = new Set([1]); s.forEach((x) => { s.delete(x); s.add(x) })"],
    ["a sort comparator", "[3, 2, 1].sort(() => { for (;;); })"],
    ["a getter", "const o = { get a() { for (;;); } }; return o.a"],
    ["a proxy", "const p: any = new Proxy({}, { get() { for (;;); } }); return p.x"],
    ["a class field", "class A { x = (() => { for (;;); })() } new A()"],
    ["a static block", "class A { static { for (;;); } }"],
    ["a default parameter", "const f = (a = (() => { for (;;); })()) => a; f()"],
    ["a tagged template", "const t = (s: any) => { for (;;); }; t`x`"],
    ["destructuring an endless iterator", "const [...a] = (function* () { for (;;) yield 1 })()"],
    ["a labelled loop", "a: for (;;) { b: for (;;) { continue a } }"],
    ["toString", "return `${{ toString() { for (;;); } }}`"],
    ["a getter of the result", "return { get a() { for (;;); } }"],
    ["a module's top level", "for (;;);\nexport default 1"],
  ])("%s", async (_name, code) => {
    const answer = await run(`console.log("before");\n${code}`, { timeoutMs: 10_000 });
    expect(answer).toMatchObject({ success: false, outcome: "cpu-exceeded", error: { code: "LIMIT_EXCEEDED", reason: "CPU_LIMIT" } });
    expect(answer.logs.map(({ message }) => message)).toEqual(["before"]);
  });

  it("does not count what code waits for", async () => {
    const answer = await run("for (let i = 0; i < 10; i++) await new Promise((r) => setTimeout(r, 60)); return 'rested'");
    expect(answer).toMatchObject({ outcome: "ok", result: "rested" });
  });

  it("names the loop", async () => {
    expect(await run("const a = 1;\nfunction spin() {\n  while (a) {}\n}\nspin()")).toMatchObject({
      outcome: "cpu-exceeded",
      error: { line: 3 },
    });
  });
});

describe("calls", () => {
  it("the last call of the budget passes, one over ends the execution", async () => {
    const code = (n: number) => `for (let i = 0; i < ${n}; i++) await db.get("users", "u"); return "done"`;
    expect(await run(code(100))).toMatchObject({ outcome: "ok", usage: { calls: 100 } });
    expect(await run(code(101))).toMatchObject({
      outcome: "calls-exceeded",
      error: { message: 'The code reached its calls limit: calls is 100 in tier "public"' },
    });
  });

  it("catching the refusal does not go on", async () => {
    const code = `for (let i = 0; i < 200; i++) await db.get("users", "u").catch(() => {}); return "done"`;
    expect(await run(code)).toMatchObject({ outcome: "calls-exceeded" });
  });

  it("many at once wait for their turn and all arrive", async () => {
    const code = `return (await Promise.all(Array.from({ length: 500 }, (_, i) => db.upsert("many", "id" + i, { i })))).length`;
    expect(await run(code, {}, "tenant")).toMatchObject({ outcome: "ok", result: 500, usage: { calls: 500 } });
  });

  it("nothing that it leaves behind can call", async () => {
    const DO = bindingFor("tenant");
    const code = `
      const later = async () => { for (let i = 0; ; i++) { await new Promise((r) => setTimeout(r, 5)); await db.upsert("after", "n" + i, { i }) } };
      export default { fetch(request, env, ctx) { globalThis.db = env.DO.db; ctx.waitUntil(later()); later(); return new Response("answered") } }`;
    expect(await DO.execute({ code: code.replaceAll("await db", "await globalThis.db") })).toMatchObject({ outcome: "ok" });
    const left = async () => (await DO.execute({ code: "return db.list('after')" })).result;
    const before = await left();
    // Time in which it would write, were it able: two executions of the same tenant.
    await DO.execute({ code: "await new Promise((r) => setTimeout(r, 60))" });
    expect(await left()).toEqual(before);
  });
});

describe("logs", () => {
  const most = 64 * 1024;

  it("at the limit are whole, over it are cut and say so", async () => {
    const at = await run(`console.log("x".repeat(${most}))`);
    expect(at.usage.logBytes).toBe(most);
    expect(at.truncated).toBeUndefined();
    const over = await run(`console.log("x".repeat(${most + 1}))`);
    expect(over).toMatchObject({ outcome: "ok", truncated: ["logs"], usage: { logBytes: most } });
  });

  it("a limit that is reached by several logs is said to be", async () => {
    const over = await run(`for (let i = 0; i < 3; i++) console.log("x".repeat(${most} / 2))`);
    expect(over).toMatchObject({ truncated: ["logs"], usage: { logBytes: most } });
    expect((await run(`for (let i = 0; i < 2; i++) console.log("x".repeat(${most} / 2))`)).truncated).toBeUndefined();
  });

  it("empty logs are counted too", async () => {
    const answer = await run("for (let i = 0; i < 20_000; i++) console.log(); return 1", {}, "internal");
    expect(answer).toMatchObject({ outcome: "ok", truncated: ["logs"] });
    expect(answer.logs).toHaveLength(10_000);
  });

  it("a flood costs the limit and no more", async () => {
    const answer = await run("for (let i = 0; i < 200_000; i++) console.log('line ' + i); return 'survived'", {}, "internal");
    expect(answer).toMatchObject({ outcome: "ok", result: "survived", truncated: ["logs"] });
    expect(answer.logs.length).toBeLessThanOrEqual(10_000);
  });

  it("every level arrives, in order, with what was logged just before a throw", async () => {
    const answer = await run(`
      console.debug("d"); console.info("i %s %d %o", "x", 1, { a: 1 }); console.warn("w"); console.error(new Error("e"));
      console.group("g"); console.log("inner"); console.groupEnd(); console.table([{ a: 1, b: "x" }]); console.assert(false, "asserted");
      console.count(); console.count(); console.dir(new Map([[1, [2]]])); console.log(); console.trace("t");
      throw new Error("after")`);
    expect(answer.logs.map(({ level, message }) => `${level}: ${message.split("\n")[0]}`)).toEqual([
      "debug: d",
      "info: i x 1 { a: 1 }",
      "warn: w",
      "error: Error: e",
      "log: g",
      "log:   inner",
      "log: (index)  a  b",
      "error: Assertion failed: asserted",
      "log: default: 1",
      "log: default: 2",
      "log: Map(1) { 1 => [ 2 ] }",
      "log: ",
      "trace: t",
    ]);
  });

  it("hostile values are logged without harm", async () => {
    const answer = await run(
      `const o: any = {}; o.self = o; console.log(o, { get x() { throw 1 } }, new Proxy({}, { ownKeys() { throw 1 } }), Symbol("s"), null, undefined, 1n, -0, () => 1, "a\\u001b[31m")`,
    );
    expect(answer.outcome).toBe("ok");
    expect(answer.logs[0]?.message).toContain("[Circular]");
  });

  it("captureConsole: false keeps none", async () => {
    expect(await run("console.log(1); return 2", { captureConsole: false })).toMatchObject({ logs: [], result: 2 });
  });
});
