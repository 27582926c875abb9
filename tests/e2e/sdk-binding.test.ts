import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PRINCIPAL, startClientWorker, type ClientWorker } from "../support/one-process.ts";

/** Another Worker that uses the SDK on its bindings of do: one whose props name a principal, one without. */
const CLIENT = `
  import { connect, DoError } from "./sdk/src/index.ts";
  const collect = async (execution) => { const events = []; for await (const event of execution) events.push(event); return events };
  const tests = {
    props: (own) => own.whoami(),
    credential: (own, withKey) => withKey.whoami(),
    wrongKey: (own, withKey, open) => open("do_key_that_is_wrong").whoami(),
    again: async (own, withKey, open) => { const s = open("wrong"); await s.whoami().catch(() => {}); return s.whoami() },
    anonymous: (own, withKey, open) => open().execute({ code: "1" }),
    answer: async (own) => {
      const { result, ...answer } = await own.execute({ code: "return new Map([['at', input.at]])", input: { at: new Date(5) } });
      return { ...answer, at: result instanceof Map && result.get("at") instanceof Date ? result.get("at") : "lost its type" };
    },
    events: (own) => collect(own.execute({ code: "console.log('a'); console.warn('b'); return 1" })),
    once: async (own) => {
      const execution = own.execute({ code: "await db.upsert('runs', crypto.randomUUID(), {}); return 1" });
      await execution; await execution; await collect(execution);
      return (await own.db.list("runs")).items.length;
    },
    refused: (own) => own.execute({ code: "" }),
    aborted: (own) => own.execute({ code: "await new Promise((r) => setTimeout(r, 5_000))" }, { signal: AbortSignal.timeout(50) }),
    abortedFirst: (own) => own.execute({ code: "1" }, { signal: AbortSignal.abort() }),
    executions: async (own) => {
      const { id } = await own.execute({ code: "return 1" });
      const { items } = await own.executions.list({ limit: 1 });
      const { cancelled } = await own.executions.cancel(id);
      return { isListed: items[0].id === id, outcome: (await own.executions.get(id)).outcome, cancelled };
    },
    db: async (own) => {
      await own.db.upsert("users", "ada", { born: 1815 });
      const { rows } = await own.db.query("SELECT ? AS bytes, 2 AS two", [new Uint8Array([1, 2])]);
      return { data: (await own.db.get("users", "ada")).data, bytes: rows[0].bytes instanceof Uint8Array && [...rows[0].bytes], two: rows[0].two };
    },
    unknownMethod: (own) => own.db.gett("users", "ada"),
    notBuilt: (own) => own.email.send("jobs", {}),
    unsendable: (own) => own.db.upsert("users", "ada", { map: new WeakMap() }),
  };
  export default { async fetch(request, { DO, OPEN }) {
    const { pathname, searchParams } = new URL(request.url);
    const open = (key) => connect(OPEN, key);
    try { return Response.json({ value: await tests[pathname.slice(1)](connect(DO), open(searchParams.get("key")), open) }) }
    catch (e) { return Response.json({ isDoError: e instanceof DoError, error: { code: e.code, reason: e.reason, message: e.message } }) }
  } }`;

let client: ClientWorker;
beforeAll(async () => {
  client = await startClientWorker(CLIENT);
});
afterAll(() => client.stop());

const ask = (test: string) => client.ask(test);

describe("a session over a service binding", () => {
  it("acts as the principal of the binding's props, or of a credential", async () => {
    expect(await ask("props")).toMatchObject({ value: PRINCIPAL });
    expect(await ask("credential")).toMatchObject({ value: { principal: { id: "root", tier: "internal" } } });
  });

  it("says what is wrong with a credential, each time, without it", async () => {
    const error = { isDoError: true, error: { code: "UNAUTHENTICATED", reason: "BAD_CREDENTIAL" } };
    expect(await ask("wrongKey")).toMatchObject(error);
    expect(await ask("again")).toMatchObject(error);
    expect(JSON.stringify(await ask("wrongKey"))).not.toContain("do_key_that_is_wrong");
    expect(await ask("anonymous")).toMatchObject({ isDoError: true, error: { code: "PERMISSION_DENIED" } });
  });

  it("executes, and values keep their types both ways", async () => {
    expect(await ask("answer")).toMatchObject({ value: { outcome: "ok", at: "1970-01-01T00:00:00.005Z" } });
  });

  it("gives events", async () => {
    expect(await ask("events")).toMatchObject({
      value: [
        { type: "log", entry: { level: "log", message: "a" } },
        { type: "log", entry: { level: "warn", message: "b" } },
        { type: "result", answer: { outcome: "ok", result: 1 } },
      ],
    });
  });

  it("runs an execution once, however often it is consumed", async () => {
    expect(await ask("once")).toEqual({ value: 1 });
  });

  it("an abort cancels the execution on the server", async () => {
    expect(await ask("aborted")).toMatchObject({ value: { outcome: "cancelled" } });
    expect(await ask("abortedFirst")).toMatchObject({ isDoError: true, error: { code: "CANCELLED" } });
  });

  it("looks after executions", async () => {
    expect(await ask("executions")).toEqual({ value: { isListed: true, outcome: "ok", cancelled: false } });
  });

  it("has the services", async () => {
    expect(await ask("db")).toEqual({ value: { data: { born: 1815 }, bytes: [1, 2], two: 2 } });
    expect(await ask("notBuilt")).toMatchObject({ isDoError: true, error: { code: "UNSUPPORTED", reason: "SERVICE_NOT_BUILT" } });
  });

  it("rejects with DoError whatever goes wrong", async () => {
    expect(await ask("refused")).toMatchObject({ isDoError: true, error: { code: "INVALID_ARGUMENT" } });
    expect(await ask("unknownMethod")).toMatchObject({ isDoError: true, error: { code: "NOT_FOUND", reason: "UNKNOWN_METHOD" } });
    expect(await ask("unsendable")).toMatchObject({ isDoError: true, error: { code: "INVALID_ARGUMENT" } });
  });
});
