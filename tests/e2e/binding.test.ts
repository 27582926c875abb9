import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workerdConfig } from "../../host/src/config.ts";
import { startWorkerd, type WorkerdProcess } from "../../host/src/workerd.ts";
import { BUNDLE_DIR } from "../support/build.ts";

const ROOT_KEY = "do_root_of_the_binding_test_0123456789";

/** Another Worker, with two bindings to do: one whose props name a principal, one without. */
const CLIENT = `
  const tests = {
    props: ({ DO }) => DO.whoami(),
    anonymous: ({ OPEN }) => OPEN.whoami(),
    refused: ({ OPEN }) => OPEN.db.get("users", "u1"),
    direct: async ({ DO }) => { await DO.db.upsert("users", "u1", { name: "Ada" }); return DO.db.get("users", "u1") },
    pipelined: async ({ OPEN }, key) => OPEN.authenticate(key).db.get("users", "nobody"),
    executions: async ({ DO }) => { const { id } = await DO.execute({ code: "return 1" }); return (await DO.executions.get(id)).outcome },
    logs: async ({ DO }) => { const seen = []; await DO.execute({ code: "console.log('live')" }, (e) => { seen.push(e.type) }); return seen },
    queue: ({ DO }) => DO.queue.send("q", {}),
    email: ({ DO }) => DO.email.send({}),
    fetch: async ({ DO }) => (await DO.fetch("http://do/auth")).json(),
    fetchOpen: async ({ OPEN }) => (await OPEN.fetch("http://do/auth")).status,
    names: async ({ DO }) => { const found = []; for (const n of ["env", "ctx", "session", "sessionOf", "deps"]) await DO[n]?.().then(() => found.push(n), () => {}); return found },
  };
  export default { async fetch(request, env) {
    const url = new URL(request.url);
    try { return Response.json({ value: await tests[url.pathname.slice(1)](env, url.searchParams.get("key")) }) }
    catch (e) { return Response.json({ error: { name: e.name, code: e.code, message: e.message } }) }
  } }`;

const PRINCIPAL = { principal: { kind: "service", id: "svc-shop", tenant: "shop", tier: "tenant" } };

function configWithClient(dir: string): string {
  const config = workerdConfig({ configDir: dir, bundleDir: BUNDLE_DIR, storageDir: join(dir, "storage") });
  const client = `(name = "client", worker = (
      modules = [(name = "client.js", esModule = embed "client.js")], compatibilityDate = "2026-11-17",
      bindings = [
        (name = "DO", service = (name = "do", props = (json = ${JSON.stringify(JSON.stringify(PRINCIPAL))}))),
        (name = "OPEN", service = "do"),
      ])),`;
  return config.replace("services = [", `services = [\n${client}`).replace('service = "do")],\n);', 'service = "client")],\n);');
}

let workerd: WorkerdProcess;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "do-binding-"));
  mkdirSync(join(dir, "storage"));
  writeFileSync(join(dir, "client.js"), CLIENT);
  writeFileSync(join(dir, "do.capnp"), configWithClient(dir));
  workerd = await startWorkerd(join(dir, "do.capnp"), "127.0.0.1:0", { DO_ROOT_KEY: ROOT_KEY });
});
afterAll(async () => {
  workerd.kill("SIGKILL");
  await workerd.ended;
  rmSync(dir, { recursive: true, force: true });
});

interface Outcome {
  value?: unknown;
  error?: { name: string; code?: string; message: string };
}

async function ask(test: string): Promise<Outcome> {
  return (await (await fetch(`http://127.0.0.1:${workerd.port}/${test}?key=${ROOT_KEY}`)).json()) as Outcome;
}

describe("a service binding of another Worker, in plain workerd", () => {
  it("props that name a principal work without authenticate", async () => {
    expect(await ask("props")).toMatchObject({ value: PRINCIPAL });
    expect(await ask("direct")).toMatchObject({ value: { version: 1, data: { name: "Ada" } } });
  });

  it("without props it is anonymous, and may nothing", async () => {
    expect(await ask("anonymous")).toMatchObject({ value: { principal: { kind: "anonymous" } } });
    expect(await ask("refused")).toMatchObject({ error: { name: "DoError", code: "PERMISSION_DENIED" } });
  });

  it("authenticate(key).db.get(...) pipelines: nothing is awaited on the way", async () => {
    expect(await ask("pipelined")).toEqual({ value: null });
  });

  it("executes, lists, and sees logs as they happen", async () => {
    expect(await ask("executions")).toEqual({ value: "ok" });
    expect(await ask("logs")).toEqual({ value: ["started", "log", "result"] });
  });

  it("all eight services are properties, also those with names of event handlers", async () => {
    for (const service of ["queue", "email"])
      expect(await ask(service)).toMatchObject({ error: { code: "UNSUPPORTED", message: `${service} is not built yet` } });
  });

  it("its fetch is the HTTP API: the binding's principal, or the credential in the request", async () => {
    expect(await ask("fetch")).toMatchObject({ value: PRINCIPAL });
    expect(await ask("fetchOpen")).toEqual({ value: 401 });
  });

  it("names that are no part of the surface are not there", async () => {
    expect(await ask("names")).toEqual({ value: [] });
  });
});
