import { describe, expect, it } from "vitest";
import { gatewayFor, refusal } from "./support.ts";

/** In the form of the seed documents: routes by path, asks a customer's Worker, and always answers JSON. */
const DISPATCHER = `export default {
  async fetch(request, env) {
    const [, name] = new URL(request.url).pathname.split("/");
    try {
      const worker = env.DISPATCHER.get(name, { from: "dispatcher" }, { limits: { cpuMs: 50, subRequests: 5 } });
      const answer = await worker.fetch(new Request(new URL("/x", request.url), request));
      if (!answer.headers.get("content-type")?.includes("json")) return Response.json({ error: "not json", name }, { status: 502, headers: { "x-fallback": name } });
      return new Response(answer.body, { status: answer.status, headers: answer.headers });
    } catch (error) {
      if (error.message.startsWith("Worker not found")) return Response.json({ error: "missing", name }, { status: 404, headers: { "x-fallback": name } });
      return Response.json({ error: error.message, name }, { status: 500, headers: { "x-fallback": name } });
    }
  },
};`;

const CUSTOMERS: Record<string, string> = {
  good: "export default { async fetch(request, env, ctx) { return Response.json({ path: new URL(request.url).pathname, props: ctx.props, body: await request.text() }) } }",
  throws: "export default { fetch() { throw new Error('customer bug') } }",
  loops: "export default { fetch() { for (;;); } }",
  html: "export default { fetch: () => new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } }) }",
};

async function platform() {
  const made = gatewayFor();
  const { gateway, binding, tenant } = made;
  for (const [name, code] of Object.entries(CUSTOMERS)) await gateway.deploy(`customers/${name}`, { code });
  await gateway.deploy("dispatcher", {
    code: DISPATCHER,
    bindings: [{ type: "dispatch_namespace", name: "DISPATCHER", namespace: "customers" }],
  });
  const ask = (path: string, init?: RequestInit) =>
    (binding as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/dispatcher/${path}`, init);
  return { ...made, ask };
}

describe("a dispatcher that is a function", () => {
  it("answers JSON whatever its customers do", async () => {
    const { ask } = await platform();
    const answers = await Promise.all(
      ["good", "throws", "loops", "html", "gone", "../x", "a b"].map(async (name) => {
        const response = await ask(name, { method: "POST", body: "sent" });
        return [response.status, response.headers.get("x-fallback"), await response.json()];
      }),
    );
    expect(answers.slice(0, 5)).toEqual([
      [200, null, { path: "/x", props: { from: "dispatcher" }, body: "sent" }],
      [500, "throws", { error: "customer bug", name: "throws" }],
      [500, "loops", { error: "Worker exceeded CPU time limit.", name: "loops" }],
      [502, "html", { error: "not json", name: "html" }],
      [404, "gone", { error: "missing", name: "gone" }],
    ]);
    expect(answers.slice(5).map(([status]) => status)).toEqual([404, 404]);
  });

  it("a function of a namespace is not reached by /fn, nor one of no namespace by a dispatcher", async () => {
    const { ask, gateway, binding, tenant } = await platform();
    await gateway.deploy("outside", { code: CUSTOMERS["good"] ?? "" });
    expect((await ask("outside")).status).toBe(404);
    expect((await (binding as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/customers/good`)).status).toBe(404);
  });

  it("what is called by what it calls is refused", async () => {
    const { gateway, binding, tenant } = gatewayFor();
    const bindings = [{ type: "dispatch_namespace" as const, name: "NS", namespace: "ns" }];
    const code = (next: string) =>
      `export default { async fetch(r, env) { try { return await env.NS.get("${next}").fetch("http://x/") } catch (e) { return Response.json({ code: e.code, reason: e.reason, message: e.message }) } } }`;
    await gateway.deploy("ns/a", { code: code("b"), bindings });
    await gateway.deploy("ns/b", { code: code("a"), bindings });
    await gateway.deploy("self", { code: "export default ({ gateway }) => gateway.invoke('self', 1)" });
    await gateway.deploy("start", { code: code("a"), bindings });
    const response = await (binding as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/start`);
    expect(await response.json()).toMatchObject({
      code: "LIMIT_EXCEEDED",
      reason: "CALL_CYCLE",
      message: expect.stringContaining("start > ns/a > ns/b") as string,
    });
    expect(await refusal(gateway.invoke("self", 1))).toMatchObject({
      code: "UPSTREAM",
      message: expect.stringContaining("being called by what it calls") as string,
    });
  });

  it("limits of the dispatcher's are the customer's: calls, too", async () => {
    const { gateway, ask } = await platform();
    await gateway.deploy("customers/calls", {
      code: "export default { async fetch(r, env) { for (let i = 0; i < 6; i++) await env.DO.db.get('c', 'x'); return Response.json(1) } }",
    });
    expect(await (await ask("calls")).json()).toMatchObject({ error: expect.stringMatching(/subrequests|calls/) as string });
  });

  it("nobody deploys a dispatcher of what they may not call", async () => {
    const { binding } = gatewayFor("tenant");
    const code = `return env.DO.gateway.deploy("d", { code: "export default () => 1", permissions: ["auth:write"] }).catch((e) => [e.code, e.reason])`;
    expect((await binding.execute({ code })).result).toEqual(["PERMISSION_DENIED", "MISSING_SCOPE"]);
  });
});
