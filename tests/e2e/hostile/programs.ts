/** Programs that want more than they are given. */
import type { Outcome } from "../../../sdk/src/types.ts";

export interface HostileProgram {
  readonly name: string;
  /** Logs "before" first, which must be kept whatever comes after. */
  readonly code: string;
  /** Any of these is right. */
  readonly outcomes: readonly Outcome[];
  /** Less than the tier's, for code that waits. */
  readonly timeoutMs?: number;
  /** Set for what never comes to its first line. */
  readonly isSilent?: true;
}

const CPU = ["cpu-exceeded"] as const;
const MEMORY = ["memory-exceeded"] as const;
/** Which of the two is reached first is the machine's business. */
const CPU_OR_MEMORY = ["cpu-exceeded", "memory-exceeded"] as const;
const THREW = ["threw"] as const;
const TIMEOUT = ["timeout"] as const;

type Extra = Pick<HostileProgram, "timeoutMs" | "isSilent">;

/** The body of a function. */
function body(name: string, outcomes: readonly Outcome[], code: string, extra: Extra = {}): HostileProgram {
  return { name, code: `console.log("before");\n${code}`, outcomes, ...extra };
}

/** A whole module. */
function module(name: string, outcomes: readonly Outcome[], code: string, extra: Extra = {}): HostileProgram {
  return { name, code, outcomes, ...extra };
}

const LOOPS: readonly HostileProgram[] = [
  body("while", CPU, `while (true) {}`),
  body("for without a body", CPU, `for (;;);`),
  body("do while", CPU, `do {} while (true);`),
  body("labelled continue", CPU, `outer: for (;;) { for (;;) continue outer; }`),
  body("a finally that continues", CPU, `for (;;) try { throw 1 } catch { } finally { continue }`),
  body("a loop that spins on the clock", CPU, `const end = Date.now() + 1e9; while (Date.now() < end) {}`),
  body("a trampoline", CPU, `let f = () => f; while ((f = f())) {}`),
  body("an iterator without end", CPU, `for (const x of { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) }) {}`),
  body("a generator without end", CPU, `function* g() { for (;;) yield 1 } for (const x of g()) {}`),
  body("an async generator without end", CPU, `async function* g() { for (;;) yield 1 } for await (const x of g()) {}`),
  body("a spread of an iterator without end", CPU_OR_MEMORY, `return [...{ *[Symbol.iterator]() { for (;;) yield 1 } }]`),
  body("a destructuring that asks for ever", CPU, `const [a] = { *[Symbol.iterator]() { for (;;) {} } }`),
  body("a default argument", CPU, `((a = (() => { for (;;); })()) => a)()`),
  body("a static block", CPU, `class A { static { for (;;); } }`),
  body("a tagged template", CPU, "((...a) => { for (;;); })`${1}`"),
  body("recursion that starts again at its end", CPU, `function f() { try { f() } finally { f() } } f()`),
  module("a module that never finishes loading", CPU, `console.log("before");\nwhile (true) {}\nexport default () => 1`),
  module("a fetch handler", CPU, `export default { fetch() { console.log("before"); for (;;); } }`),
];

const FLOODS: readonly HostileProgram[] = [
  body("promises", CPU_OR_MEMORY, `const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})`),
  body("microtasks", CPU_OR_MEMORY, `const f = () => queueMicrotask(f); f(); await new Promise(() => {})`),
  body(
    "microtasks that double",
    CPU_OR_MEMORY,
    `const f = () => { queueMicrotask(f); queueMicrotask(f) }; f(); await new Promise(() => {})`,
  ),
  body("an async function that awaits itself", CPU_OR_MEMORY, `const f = async () => { await null; return f() }; await f()`),
  body(
    "timers that double",
    ["cpu-exceeded", "memory-exceeded", "timeout", "threw"],
    `const f = () => { setTimeout(f, 0); setTimeout(f, 0) }; f(); await new Promise(() => {})`,
    { timeoutMs: 2_000 },
  ),
  body(
    "intervals",
    ["cpu-exceeded", "timeout", "threw"],
    `for (let i = 0; i < 100; i++) setInterval(() => { for (let j = 0; j < 1e6; j++); }, 0); await new Promise(() => {})`,
    { timeoutMs: 2_000 },
  ),
  body("rejections that nobody hears", CPU_OR_MEMORY, `for (;;) { Promise.reject(new Error("x")); await null }`),
  body(
    "events that raise events",
    THREW,
    `const t = new EventTarget(); t.addEventListener("e", () => t.dispatchEvent(new Event("e"))); t.dispatchEvent(new Event("e")); throw new Error("the events ended")`,
  ),
  body(
    "messages to itself",
    ["cpu-exceeded", "memory-exceeded", "timeout"],
    `const { port1, port2 } = new MessageChannel(); port2.onmessage = () => { port1.postMessage(1); port1.postMessage(1) }; port1.postMessage(1); await new Promise(() => {})`,
    { timeoutMs: 2_000 },
  ),
  body("logs", CPU_OR_MEMORY, `for (;;) console.log("x".repeat(100))`),
  body("logs that are long", CPU_OR_MEMORY, `const x = "x".repeat(1e6); for (;;) console.log(x)`),
  body("logs with waiting between", CPU_OR_MEMORY, `for (;;) { console.log("x".repeat(1e4)); await null }`),
  body("calls, one after the other", ["calls-exceeded"], `for (;;) await db.get("c", "x")`),
  body(
    "calls, all at once",
    ["calls-exceeded", "memory-exceeded", "cpu-exceeded"],
    `await Promise.all(Array.from({ length: 1e4 }, (_, i) => db.get("c", String(i))))`,
  ),
  body(
    "calls that nobody waits for",
    ["calls-exceeded", "cpu-exceeded", "memory-exceeded"],
    `for (;;) { db.get("c", "x").catch(() => {}); await null }`,
  ),
  body("calls of the self-binding", ["cpu-exceeded", "timeout"], `for (;;) await env.DO.whoami()`),
];

const DEEP: readonly HostileProgram[] = [
  body("recursion", THREW, `const f = () => f() + 1; return f()`),
  body("mutual recursion", THREW, `const a = () => b() + 1, b = () => a() + 1; return a()`),
  body("recursion by a getter", THREW, `const o = { get a() { return this.a } }; return o.a`),
  body("flat of an array in itself", ["threw", "cpu-exceeded"], `const a = []; a.push(a, a); return a.flat(Infinity)`),
  body("JSON that is deep", ["threw", "ok"], `return JSON.parse("[".repeat(1e5) + "]".repeat(1e5)).length`),
  body("a result that is deep", THREW, `let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o`),
  body("a result that holds itself", ["ok"], `const o = {}; o.o = o; return o`),
  body("proxies of proxies", ["threw", "ok"], `let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x === undefined`),
];

const BUILT_IN: readonly HostileProgram[] = [
  body("a regular expression that backtracks", ["cpu-exceeded", "ok"], `return /^(a+)+$/.test("a".repeat(40) + "b")`),
  body("a regular expression with look-ahead", CPU, `return /^(?=(a+)+$)a/.test("a".repeat(60) + "b")`),
  body("a regular expression with a back-reference", CPU, `return /^((a+)+)\\1$/.test("a".repeat(60) + "b")`),
  body("a replace that backtracks", ["cpu-exceeded", "ok"], `return ("a ".repeat(5e4) + "b").replace(/(\\s*a\\s*)*c/g, "").length`),
  body("BigInt multiplication", CPU_OR_MEMORY, `let a = 3n ** 100000n; for (;;) a *= a`),
  body("BigInt power", ["cpu-exceeded", "threw"], `return String(7n ** 20000000n).length`),
  body("BigInt to text", ["cpu-exceeded", "threw"], `return (1n << 900000000n).toString().length`),
  body("Array.from of a huge length", CPU_OR_MEMORY, `return Array.from({ length: 2 ** 31 }).length`),
  body("fill of a huge array", CPU_OR_MEMORY, `return new Array(1e9).fill(0).length`),
  body("indexOf of an endless array", CPU, `return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`),
  body("sort of a huge array", CPU_OR_MEMORY, `return Array.from({ length: 5e6 }, (_, i) => String(i * 7919 % 5e6)).sort().length`),
  body("join of a huge array", ["cpu-exceeded", "memory-exceeded", "threw"], `return new Array(2 ** 32 - 1).join(",").length`),
  body(
    "PBKDF2",
    ["cpu-exceeded", "threw"],
    `const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]); return (await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: new Uint8Array(8), iterations: 2 ** 31 - 1 }, key, 512)).byteLength`,
  ),
  body(
    "PBKDF2 within its limit, again and again",
    CPU,
    `const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]); for (;;) await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: new Uint8Array(8), iterations: 1e5 }, key, 512)`,
  ),
  body(
    "RSA keys",
    ["cpu-exceeded", "threw"],
    `for (;;) await crypto.subtle.generateKey({ name: "RSA-OAEP", modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["encrypt", "decrypt"])`,
  ),
  body("structuredClone", CPU_OR_MEMORY, `const a = Array.from({ length: 1e5 }, (_, i) => ({ i })); for (;;) structuredClone(a)`),
  body(
    "a thread that sleeps",
    ["threw", "timeout"],
    `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); throw new Error("it slept")`,
    { timeoutMs: 500 },
  ),
  body("code made of text", THREW, `return new Function("for (;;);")()`),
  body("the network", THREW, `for (;;) await fetch("http://127.0.0.1:1/")`),
];

const TRAPS: readonly HostileProgram[] = [
  body("a sort comparator", CPU, `[3, 2, 1].sort(() => { for (;;); })`),
  body("a getter of the result", CPU, `return { get a() { for (;;); } }`),
  body("a proxy as the result", CPU, `return new Proxy({}, { ownKeys() { for (;;); } })`),
  body(
    "a proxy without an end",
    ["cpu-exceeded", "threw"],
    `let p; p = new Proxy({}, { get: () => p, getPrototypeOf: () => p, ownKeys: () => [] }); return p instanceof Date`,
  ),
  body("toJSON of the result", ["cpu-exceeded", "ok", "threw"], `return { toJSON() { for (;;); } }`),
  body("toJSON for JSON.stringify", CPU, `return JSON.stringify({ toJSON() { for (;;); } })`),
  body("valueOf", CPU, `return +{ valueOf() { for (;;); } }`),
  body("toPrimitive", CPU, "return `${{ [Symbol.toPrimitive]() { for (;;); } }}`"),
  body("then of the result", CPU, `return { get then() { for (;;); } }`),
  body("a thenable that resolves to itself", CPU_OR_MEMORY, `const t = { then(f) { f(t) } }; return t`),
  body("then on every object", ["cpu-exceeded", "threw"], `Object.prototype.then = function () { for (;;); }; return {}`),
  body("toJSON on every object", ["cpu-exceeded", "threw", "ok"], `Object.prototype.toJSON = function () { for (;;); }; return { a: {} }`),
  body("the message of what is thrown", ["cpu-exceeded", "threw"], `throw { get message() { for (;;); } }`),
  body("prepareStackTrace", ["cpu-exceeded", "threw"], `Error.prepareStackTrace = () => { for (;;); }; throw new Error("x")`),
  body(
    "what is logged",
    ["cpu-exceeded", "ok", "threw"],
    `console.log({ get a() { for (;;); }, [Symbol.for("nodejs.util.inspect.custom")]() { for (;;); } }); return 1`,
  ),
  body(
    "a listener of the abort",
    TIMEOUT,
    `signal.addEventListener("abort", () => { for (;;); }); await new Promise((r) => setTimeout(r, 1e6))`,
    { timeoutMs: 300 },
  ),
  body("a catch of everything", ["cpu-exceeded"], `for (;;) try { await new Promise((_, no) => no(1)) } catch {}`),
];

const MEMORY_BOMBS: readonly HostileProgram[] = [
  body("arrays", CPU_OR_MEMORY, `const all = []; for (;;) all.push(new Array(1e5).fill(1.5))`),
  body(
    "arrays, slowly",
    CPU_OR_MEMORY,
    `const all = []; for (;;) { all.push(new Array(2e5).fill(1.5)); await new Promise((r) => setTimeout(r, 5)) }`,
  ),
  body("objects", CPU_OR_MEMORY, `const all = []; for (;;) all.push({ a: all.length, b: {} })`),
  body("a Map", CPU_OR_MEMORY, `const all = new Map(); for (let i = 0; ; i++) all.set(i, { i })`),
  body("texts that double", ["threw", "memory-exceeded", "cpu-exceeded"], `let s = "x"; for (;;) s += s`),
  body(
    "texts that are flat",
    CPU_OR_MEMORY,
    `const all = []; for (let i = 0; ; i++) all.push(new TextDecoder().decode(new Uint8Array(1e6).fill(65 + i % 26)))`,
  ),
  body("buffers", MEMORY, `const all = []; for (;;) all.push(new Uint8Array(4e6).fill(1))`),
  body(
    "buffers, slowly",
    MEMORY,
    `const all = []; for (;;) { all.push(new Uint8Array(4e6).fill(1)); await new Promise((r) => setTimeout(r, 2)) }`,
  ),
  body("one buffer that is too large", ["threw", "memory-exceeded"], `return new Uint8Array(8e9).fill(1).length`),
  body("one buffer just over the limit", ["threw", "memory-exceeded"], `return new Uint8Array(400e6).fill(1).length`),
  body(
    "a resizable buffer",
    ["threw", "memory-exceeded", "cpu-exceeded"],
    `const b = new ArrayBuffer(0, { maxByteLength: 2e9 }); for (let n = 1e6; ; n += 1e6) { b.resize(n); new Uint8Array(b, n - 1e6).fill(1) }`,
  ),
  body(
    "memory of WebAssembly",
    ["threw", "memory-exceeded", "cpu-exceeded"],
    `const m = new WebAssembly.Memory({ initial: 1 }); for (;;) { m.grow(100); new Uint8Array(m.buffer).fill(1) }`,
  ),
  body(
    "a stream that buffers",
    CPU_OR_MEMORY,
    `const { writable } = new TransformStream(); const w = writable.getWriter(); for (;;) w.write(new Uint8Array(1e6).fill(1))`,
  ),
  body(
    "blobs",
    CPU_OR_MEMORY,
    `let b = new Blob([new Uint8Array(1e6).fill(1)]); const all = []; for (;;) all.push((b = new Blob([b, b].slice(0, 1 + all.length % 2))), new Blob([new Uint8Array(1e6).fill(1)]))`,
  ),
  body(
    "a bomb that unpacks",
    ["memory-exceeded", "cpu-exceeded", "threw"],
    `const zip = (data) => new Response(new Response(data).body.pipeThrough(new CompressionStream("gzip"))).arrayBuffer(); const bomb = await zip(new Uint8Array(3e7)); const all = []; for (;;) all.push(await new Response(new Response(bomb).body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer())`,
  ),
  body("closures", CPU_OR_MEMORY, `let f = () => 0; for (;;) { const g = f; const held = new Array(100).fill(0.5); f = () => [g, held] }`),
  body("symbols", CPU_OR_MEMORY, `for (let i = 0; ; i++) Symbol.for("s".repeat(1000) + i)`),
  body("a result that is large", ["result-too-large"], `return "x".repeat(1e6)`),
  body(
    "a result that is very large",
    ["result-too-large", "memory-exceeded", "cpu-exceeded", "threw"],
    `return Array.from({ length: 100 }, () => "x".repeat(1e6))`,
  ),
  body(
    "a result with many members",
    ["result-too-large", "cpu-exceeded", "memory-exceeded"],
    `return Array.from({ length: 3e5 }, (_, i) => ({ i }))`,
  ),
  body(
    "an argument that is very large",
    ["threw", "memory-exceeded", "cpu-exceeded"],
    `await db.upsert("c", "x", { a: Array.from({ length: 60 }, () => "x".repeat(1e6)) })`,
  ),
];

const NESTED: readonly HostileProgram[] = [
  body("a child that loops", ["ok"], `return (await env.DO.execute({ code: "for (;;);" })).outcome`),
  body(
    "children without end",
    ["ok", "threw"],
    `const code = "return env.DO.execute({ code: input, input })"; return (await env.DO.execute({ code, input: code })).outcome`,
  ),
  body(
    "children, all at once",
    ["ok", "threw", "calls-exceeded"],
    `return (await Promise.allSettled(Array.from({ length: 200 }, () => env.DO.execute({ code: "for (;;);" })))).length`,
    { timeoutMs: 5_000 },
  ),
  body(
    "a child that outlives its parent",
    ["ok"],
    `env.DO.execute({ code: "await new Promise((r) => setTimeout(r, 1e6))" }).catch(() => {}); return 1`,
  ),
];

/** It is a race whether the loop begins before the answer is out. */
const OK_OR_CPU = ["ok", "cpu-exceeded"] as const;

/** What goes on after its answer. */
const AFTERWARDS: readonly HostileProgram[] = [
  module(
    "waitUntil that loops",
    OK_OR_CPU,
    `import { waitUntil } from "cloudflare:workers"; export default async () => { console.log("before"); waitUntil(new Promise((r) => setTimeout(r, 1)).then(() => { for (;;); })); return 1 }`,
  ),
  module(
    "waitUntil that loops when its timers are taken",
    OK_OR_CPU,
    `import { waitUntil } from "cloudflare:workers"; export default async () => { console.log("before"); try { for (let i = 0; i < 1e4; i++) setTimeout(() => {}, 1e6) } catch {} waitUntil((async () => { for (;;) await null })()); return 1 }`,
  ),
  body("a timer that loops", OK_OR_CPU, `setTimeout(() => { for (;;); }, 2); return 1`),
  body("promises that go on", ["ok"], `(async () => { for (;;) await new Promise((r) => setTimeout(r, 0)) })(); return 1`),
];

const COMPILED: readonly HostileProgram[] = [
  module("code that is deep", ["compile-error", "threw", "ok"], `return ${"(".repeat(50_000)}1${")".repeat(50_000)}`, { isSilent: true }),
  module("code with a deep array", ["compile-error", "threw", "ok"], `return ${"[".repeat(20_000)}${"]".repeat(20_000)}`, {
    isSilent: true,
  }),
  module(
    "types that never end, for the full compiler",
    ["compile-error", "ok"],
    `namespace N { export const n = 1 }\ntype D<T> = { a: D<D<T>> };\nexport default () => N.n${" as D<1>".repeat(1_000)}`,
    { isSilent: true },
  ),
];

/** Statements that hold their store. They are their tenant's own to wait for, so that tenant is another one. */
export const SQL_PROGRAMS: readonly HostileProgram[] = [
  body(
    "SQL without end",
    TIMEOUT,
    `await db.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")`,
    { timeoutMs: 500 },
  ),
  body(
    "a cross join",
    TIMEOUT,
    `await db.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000) SELECT count(*) FROM n a, n b, n c")`,
    { timeoutMs: 500 },
  ),
  body(
    "SQL without end, waited for",
    THREW,
    `await db.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")`,
    { timeoutMs: 30_000 },
  ),
  body(
    "SQL that writes without end",
    THREW,
    `await db.query("CREATE TABLE IF NOT EXISTS t (i)"); await db.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i FROM n")`,
    { timeoutMs: 30_000 },
  ),
];

export const PROGRAMS: readonly HostileProgram[] = [
  ...LOOPS,
  ...FLOODS,
  ...DEEP,
  ...BUILT_IN,
  ...TRAPS,
  ...MEMORY_BOMBS,
  ...NESTED,
  ...AFTERWARDS,
  ...COMPILED,
];
