import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PRINCIPAL, startClientWorker, type ClientWorker } from "../support/one-process.ts";

const CLIENT = `
  const tests = {
    props: ({ DO }) => DO.whoami(),
    anonymous: ({ OPEN }) => OPEN.whoami(),
    refused: ({ OPEN }) => OPEN.db.get("users", "u1"),
    direct: async ({ DO }) => { await DO.db.upsert("users", "u1", { name: "Ada" }); return DO.db.get("users", "u1") },
    pipelined: async ({ OPEN }, key) => OPEN.authenticate(key).db.get("users", "nobody"),
    executions: async ({ DO }) => { const { id } = await DO.execute({ code: "return 1" }); return (await DO.executions.get(id)).outcome },
    logs: async ({ DO }) => { const seen = []; await DO.execute({ code: "console.log('live')" }, (e) => { seen.push(e.type) }); return seen },
    queue: async ({ DO }) => { await DO.queue.create("q"); await DO.queue.send("q", { n: 1 }); return (await DO.queue.receive("q")).messages },
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

let client: ClientWorker;
beforeAll(async () => {
  client = await startClientWorker(CLIENT);
});
afterAll(() => client.stop());

const ask = (test: string) => client.ask(test);

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
    expect(await ask("queue")).toMatchObject({ value: [{ body: { n: 1 }, attempts: 1 }] });
    expect(await ask("email")).toMatchObject({ error: { code: "UNSUPPORTED", message: "email is not built yet" } });
  });

  it("its fetch is the HTTP API: the binding's principal, or the credential in the request", async () => {
    expect(await ask("fetch")).toMatchObject({ value: PRINCIPAL });
    expect(await ask("fetchOpen")).toEqual({ value: 401 });
  });

  it("names that are no part of the surface are not there", async () => {
    expect(await ask("names")).toEqual({ value: [] });
  });
});
