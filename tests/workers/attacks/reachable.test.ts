import { describe, expect, it } from "vitest";
import { dbDefinition } from "../../../workers/core-services/db/schema.ts";
import { Services } from "../../../workers/do/src/service-stubs.ts";
import { GuestSurface } from "../../../workers/do/src/executor/guest-surface.ts";
import { Control } from "../../../workers/do/src/executor/execute.ts";
import { RunStop } from "../../../workers/do/src/executor/isolate-runner.ts";
import { RunHost } from "../../../workers/do/src/executor/run.ts";
import { supportFor, workerCode } from "../../../workers/do/src/executor/isolate.ts";
import { FunctionRunHost } from "../../../workers/do/src/functions/host.ts";
import { FunctionObject } from "../../../workers/do/src/objects/function-object.ts";
import { policy } from "../../../workers/do/src/policy.ts";
import { ROOT } from "../../../workers/do/src/principal.ts";
import { ExecutionsCapability, Session } from "../../../workers/do/src/session.ts";
import { bindingFor } from "../support.ts";

const SERVICES = ["auth", "db", "email", "gateway", "mcp", "queue", "schedule", "webhooks"];

/** All names that RPC would serve of a class: its prototype's and those it inherits, up to RpcTarget. */
function namesOf(target: { prototype: object }): string[] {
  const names = new Set<string>();
  for (
    let at: object = target.prototype;
    at.constructor.name !== "RpcTarget" && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object
  ) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== "constructor") names.add(name);
  }
  return [...names].toSorted();
}

describe("what can be reached is a list", () => {
  it.each([
    ["what code gets as env.DO", GuestSurface, [...SERVICES, "execute", "whoami"]],
    ["what the harness gets", RunHost, ["DO", "log", "request"]],
    ["what the harness of a function gets", FunctionRunHost, ["DO", "dispatch", "log", "object", "request", "respond"]],
    ["what stands before an object", FunctionObject, ["call", "forget"]],
    ["what it hears its end by", RunStop, ["stopped"]],
    ["a session", Session, [...SERVICES, "authenticate", "execute", "executions", "whoami"]],
    ["the executions of a tenant", ExecutionsCapability, ["cancel", "get", "list"]],
    ["the handle of a running execution", Control, ["cancel", "logs"]],
    ["what services have in common", Services, SERVICES],
  ])("%s", (_name, target, expected) => {
    expect(namesOf(target as unknown as { prototype: object })).toEqual(expected.toSorted());
  });

  it("db, as its definition says", async () => {
    const names = Object.keys(dbDefinition.methods).filter((name) =>
      dbDefinition.methods[name as "get"].params.some(([, shape]) => !shape.safeParse(undefined).success),
    );
    expect(names.length).toBeGreaterThan(20);
    const others = ["row", "#row", "call", "#call", "exec", "sql", "checkVersion", "write", "stage", "copyStart", "documents", "tables"];
    const code = `
      const there = [];
      for (const name of ${JSON.stringify([...names, ...others])}) await db[name]().then(() => there.push(name), (e) => { if (e.code === "INVALID_ARGUMENT") there.push(name) });
      return there`;
    expect((await bindingFor("tenant").execute({ code })).result).toEqual(names);
  });

  const made = (code: string) => workerCode(code, policy(ROOT).limits, supportFor(code, {}, true));

  it("an isolate is made of three modules, without environment and without network", () => {
    const code = made("export default 1");
    expect(Object.keys(code.modules)).toEqual(["harness.js", "user.js", "guard.js"]);
    expect(code).toMatchObject({ env: {}, allowExperimental: false, mainModule: "harness.js" });
    // Left out, it would mean the whole network.
    expect(code.globalOutbound).toBeNull();
  });

  it("and of two more, for code that can use them", () => {
    expect(Object.keys(made("console.log(new Response())").modules)).toEqual([
      "harness.js",
      "user.js",
      "guard.js",
      "console.js",
      "respond.js",
    ]);
  });

  it("code that finds the console without naming it writes nowhere", async () => {
    const answer = await bindingFor("tenant").execute({
      code: `const c = globalThis["con" + "sole"]; c.log("to the server's output?"); c.error(1); return c.table([1])`,
    });
    expect(answer).toMatchObject({ outcome: "ok", logs: [] });
  });

  it("Node's API comes only to code that uses it", () => {
    expect(made("return 1").compatibilityFlags).toEqual([]);
    for (const code of ['import "node:fs"', "Buffer.from('x')", "process.env"])
      expect(made(code).compatibilityFlags).toEqual(["nodejs_compat"]);
  });

  it("errors of services carry no stack of the host", async () => {
    const code = `return db.get(1).catch((e) => [e.stack, JSON.stringify(e)].join())`;
    const text = String((await bindingFor("tenant").execute({ code })).result);
    expect(text).toContain("Cannot call db.get");
    expect(text).not.toMatch(/workers\/do|core-services|index\.js|\.ts:/);
  });
});
