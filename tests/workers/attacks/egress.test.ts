import { describe, expect, inject, it } from "vitest";
import { bindingFor } from "../support.ts";

const DO = bindingFor("internal");

describe("code reaches no network", () => {
  it("not even a listener that its host reaches", async () => {
    const url = inject("canaryUrl");
    // Were it not reachable from here, that code does not reach it would say nothing.
    expect(await (await fetch(url)).text()).toBe("reached");
    const code = `return fetch(input).then((r) => r.text(), (e) => "refused: " + e.message)`;
    expect((await DO.execute({ code, input: url })).result).toMatch(/^refused: /);
    const socket = `const { connect } = await import("cloudflare:sockets");
      try { await connect(new URL(input).host).opened; return "reached" } catch (e) { return "refused: " + e.message }`;
    expect((await DO.execute({ code: socket, input: url })).result).toMatch(/^refused: /);
  });

  it.each([
    ["fetch", `await fetch("http://127.0.0.1:1/")`],
    ["fetch of a name", `await fetch("https://example.com/")`],
    ["fetch by a Request", `await fetch(new Request("http://[::1]/"))`],
    ["a raw socket", `const { connect } = await import("cloudflare:sockets"); const s = connect("127.0.0.1:1"); await s.opened`],
    [
      "node:net",
      `const net = await import("node:net"); await new Promise((r, j) => net.connect(1, "127.0.0.1").on("connect", r).on("error", j))`,
    ],
    ["node:http", `const http = await import("node:http"); await new Promise((r, j) => http.get("http://127.0.0.1:1/", r).on("error", j))`],
    [
      "a WebSocket",
      `const ws = new WebSocket("ws://127.0.0.1:1/"); await new Promise((r, j) => { ws.addEventListener("open", r); ws.addEventListener("error", () => j(new Error("refused"))) })`,
    ],
    [
      "an EventSource",
      `const es = new EventSource("http://127.0.0.1:1/"); await new Promise((r, j) => { es.onopen = r; es.onerror = () => j(new Error("refused")) })`,
    ],
    ["the cache", `await caches.default.match("http://127.0.0.1:1/")`],
    ["its own exports by fetch", `const { exports } = await import("cloudflare:workers"); await exports.default.fetch("http://x/")`],
  ])("not by %s", async (_name, code) => {
    const answer = await DO.execute({ code: `${code}; return "reached"`, timeoutMs: 2_000 });
    expect(answer.result).not.toBe("reached");
    expect(answer.success).toBe(false);
  });

  it("finds nothing in its environment but what it was given", async () => {
    const code = `const w = await import("cloudflare:workers"); return [Object.keys(w.env), Object.keys(w.exports), Object.keys(env)]`;
    expect((await DO.execute({ code })).result).toEqual([[], ["default"], ["DO"]]);
  });

  it("has no environment of the process, and no files of the machine", async () => {
    const code = `
      const fs = await import("node:fs");
      const read = (path: string) => { try { return String(fs.readFileSync(path)) } catch (e) { return "refused" } };
      return [JSON.stringify(process.env), read("/etc/passwd"), read("/proc/self/environ")]`;
    expect((await DO.execute({ code })).result).toEqual(["{}", "refused", "refused"]);
  });

  it("cannot make code of text", async () => {
    for (const code of ["return eval('1')", "return new Function('return 1')()", "return (async () => {}).constructor('return 1')()"]) {
      expect(await DO.execute({ code })).toMatchObject({ outcome: "threw", error: { name: "EvalError" } });
    }
    // At the top level of a module too, where workerd would allow it to what is imported when the isolate starts.
    expect(await DO.execute({ code: "const q = eval('1 + 1');\nexport default () => q" })).toMatchObject({ outcome: "threw" });
  });
});
