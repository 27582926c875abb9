import { describe, expect, it } from "vitest";
import { gatewayFor, refusal } from "./support.ts";

/** Says what it was asked and told; what is for example.net it asks of the network. */
const GUARD = `export default {
  async fetch(request, env) {
    const { hostname, pathname } = new URL(request.url);
    if (hostname === "down.example.net") return fetch(request);
    if (pathname === "/moved") return new Response(null, { status: 302, headers: { location: "/there" } });
    if (pathname === "/throw") throw new Error("of the platform: " + env.TOKEN);
    if (pathname === "/loop") for (;;);
    if (pathname === "/private") return fetch("http://127.0.0.1/").then(() => new Response("in"), (e) => Response.json([e.code, e.reason]));
    if (pathname === "/again") return new Response(await env.SELF.get("ada").fetch("http://x/?url=https://a.example/"));
    return Response.json({ url: request.url, method: request.method, key: request.headers.get("x-key"), body: await request.text(), customer: env.customer, plan: env.plan ?? null });
  },
};
export const strict = { fetch: (request, env) => new Response("strict " + env.customer.name) };`;

const CUSTOMER = `export default {
  async fetch(request, env) {
    const asked = new URL(request.url).searchParams;
    const said = (error) => Response.json({ code: error.code, reason: error.reason, message: error.message });
    if (asked.has("many")) {
      const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => fetch("https://a.example/" + i).then((r) => r.json())));
      return Response.json(answers.map(({ url }) => new URL(url).pathname));
    }
    try {
      if (asked.has("invoke")) return Response.json(await env.DO.gateway.invoke("helper", asked.get("invoke")));
      if (asked.has("execute")) return Response.json((await env.DO.execute({ code: "return (await fetch(input)).json()", input: asked.get("execute") })).result);
      if (asked.has("dispatch")) return await env.OTHERS.get("ben").fetch("http://x/?url=" + asked.get("dispatch"));
      const answer = await fetch(asked.get("url"), request.method === "POST" ? { method: "POST", body: "sent", headers: { "x-key": "k" } } : {});
      return new Response(answer.body, { status: answer.status, headers: { "x-url": answer.url, "x-redirected": String(answer.redirected) } });
    } catch (error) {
      return said(error);
    }
  },
};`;

const DISPATCHER = `export default {
  async fetch(request, env) {
    const outbound = JSON.parse(request.headers.get("x-outbound") ?? '{"customer":{"name":"ada"}}');
    try {
      return await env.DISPATCHER.get("ada", {}, { outbound }).fetch(request);
    } catch (error) {
      return Response.json({ code: error.code, reason: error.reason, message: error.message }, { status: 400 });
    }
  },
};`;

const dispatch = (namespace: string, name: string, outbound: object | null = null) => ({
  type: "dispatch_namespace" as const,
  name,
  namespace,
  ...(outbound ? { outbound: outbound as { worker: { service: string } } } : {}),
});
const GUARDED = { worker: { service: "guard" }, params: [{ name: "customer" }, { name: "plan" }] };

async function platform(outbound: object | null = GUARDED) {
  const made = gatewayFor();
  const { gateway, binding, tenant } = made;
  await gateway.createNamespace("customers");
  await gateway.deploy("guard", {
    code: GUARD,
    limits: { cpuMs: 100 },
    secrets: { TOKEN: "very-secret-token" },
    bindings: [dispatch("customers", "SELF")],
  });
  await gateway.deploy("customers/ada", { code: CUSTOMER, bindings: [dispatch("others", "OTHERS")] });
  await gateway.deploy("others/ben", { code: CUSTOMER });
  await gateway.deploy("helper", { code: "export default async ({ input }) => (await fetch(input)).json()" });
  await gateway.deploy("door", { code: DISPATCHER, bindings: [dispatch("customers", "DISPATCHER", outbound)] });
  const ask = (query: string, init?: RequestInit) =>
    (binding as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/door/?${query}`, init);
  const json = async (query: string, init?: RequestInit) => (await ask(query, init)).json();
  return { ...made, ask, json };
}

describe("an outbound Worker", () => {
  it("is asked for what a customer's Worker fetches, and told what the dispatcher says", async () => {
    const { json } = await platform();
    expect(await json("url=https://a.example/x", { method: "POST" })).toEqual({
      url: "https://a.example/x",
      method: "POST",
      key: "k",
      body: "sent",
      customer: { name: "ada" },
      plan: null,
    });
    const both = { headers: { "x-outbound": JSON.stringify({ customer: [1], plan: "free" }) } };
    expect(await json("url=http://internal/", both)).toMatchObject({ url: "http://internal/", customer: [1], plan: "free" });
  });

  it("reaches itself what the tenant's rules allow, and nothing else", async () => {
    const { ask, json, gateway } = await platform();
    expect(await json("url=https://down.example.net/")).toMatchObject({ code: "UPSTREAM", reason: "OUTBOUND_FAILED" });
    await gateway.setEgress({ allow: { "down.example.net": [{ response: { statusCode: 503, body: "not today" } }] } });
    const answer = await ask("url=https://down.example.net/");
    expect([answer.status, await answer.text()]).toEqual([503, "not today"]);
    expect(await json("url=https://a.example/private")).toEqual(["PERMISSION_DENIED", "EGRESS_DENIED"]);
  });

  it("is an execution of its own within the customer's, and in the customer's record", async () => {
    const { ask, binding } = await platform();
    const dispatched = await ask("url=https://a.example/x");
    await dispatched.text();
    const records = async () => {
      const { items } = await (await binding.executions).list();
      return Promise.all(items.map(async ({ id }) => (await binding.executions).get(id)));
    };
    const guard = async () => (await records()).find(({ cause }) => cause === "function:customers/ada");
    await expect.poll(async () => (await guard())?.outcome).toBe("ok");
    const customer = (await records()).find(({ requests }) => requests !== undefined);
    expect(customer).toMatchObject({
      principalId: "fn:customers:ada",
      requests: [{ method: "GET", url: "https://a.example/x", status: 200 }],
    });
    expect(await guard()).toMatchObject({ principalId: "fn:guard", parentId: customer?.id });
  });

  it("is asked again for each redirect", async () => {
    const { ask } = await platform();
    const answer = await ask("url=https://a.example/moved");
    expect([answer.headers.get("x-url"), answer.headers.get("x-redirected")]).toEqual(["https://a.example/there", "true"]);
    expect(await answer.json()).toMatchObject({ url: "https://a.example/there" });
  });

  it("has an entrypoint that the binding may name", async () => {
    const { ask } = await platform({ worker: { service: "guard", entrypoint: "strict" }, params: [{ name: "customer" }] });
    expect(await (await ask("url=https://a.example/")).text()).toBe("strict ada");
  });

  it("answers requests that are made at once, each in its turn", async () => {
    const { json } = await platform();
    expect(await json("many")).toEqual(Array.from({ length: 12 }, (_, i) => `/${i}`));
  });

  it("is not got around by other functions, executions and dispatchers", async () => {
    const { json } = await platform();
    for (const way of ["invoke", "execute", "dispatch"]) {
      expect([way, await json(`${way}=https://a.example/${way}`)]).toEqual([
        way,
        expect.objectContaining({ url: `https://a.example/${way}`, customer: { name: "ada" } }),
      ]);
    }
  });

  it("under another is asked first, and its own requests go to the other", async () => {
    const { gateway, json } = await platform();
    await gateway.deploy("inner", {
      code: `export default { async fetch(request) { return Response.json({ inner: await (await fetch(request.url + "by-inner")).json() }) } }`,
    });
    await gateway.deploy("customers/ada", { code: CUSTOMER, bindings: [dispatch("others", "OTHERS", { worker: { service: "inner" } })] });
    expect(await json("dispatch=https://a.example/")).toMatchObject({
      inner: { url: "https://a.example/by-inner", customer: { name: "ada" } },
    });
  });

  it("that fails, is gone or comes back to who asks is an error, which says nothing of it", async () => {
    const { json, gateway } = await platform();
    const failed = (because: string) => ({
      code: expect.stringMatching(/UPSTREAM|LIMIT_EXCEEDED/) as string,
      reason: "OUTBOUND_FAILED",
      message: `Cannot fetch https://a.example: the outbound Worker gave no answer (${because})`,
    });
    expect(await json("url=https://a.example/throw")).toEqual(failed("FUNCTION_THREW"));
    expect(await json("url=https://a.example/loop")).toEqual(failed("FUNCTION_CPU_LIMIT"));
    expect(await json("url=https://a.example/again")).toEqual(failed("FUNCTION_THREW"));
    await gateway.setEgress("allow-all");
    await gateway.deleteFunction("guard");
    expect(await json("url=https://a.example/")).toEqual(failed("NO_SUCH_FUNCTION"));
  });

  it("does not widen a customer's own rules", async () => {
    const { gateway, json } = await platform();
    await gateway.deploy("customers/ada", { code: CUSTOMER, egress: { allow: ["a.example"] } });
    expect(await json("url=https://a.example/")).toMatchObject({ url: "https://a.example/" });
    expect(await json("url=https://b.example/")).toMatchObject({ code: "PERMISSION_DENIED", reason: "EGRESS_DENIED" });
  });

  it("is told only what the binding declares, up to a size", async () => {
    const { ask, json } = await platform();
    const given = (outbound: unknown) => ({ headers: { "x-outbound": JSON.stringify(outbound) } });
    expect(await json("url=https://a.example/", given({ customer: 1, other: 2 }))).toEqual({
      code: "INVALID_ARGUMENT",
      reason: "OUTBOUND_PARAM",
      message: "Cannot dispatch: outbound.other is not declared by the binding: its params are customer, plan",
    });
    expect(await json("url=https://a.example/", given([1]))).toMatchObject({ code: "INVALID_ARGUMENT" });
    const sized = async (length: number) => {
      const { gateway, tenant, binding } = gatewayFor();
      await gateway.deploy("ns/ada", {
        code: "export default { fetch: async () => new Response((await (await fetch('https://a.example/')).json()).length) }",
      });
      await gateway.deploy("guard", { code: "export default { fetch: (r, env) => Response.json({ length: env.plan.length }) }" });
      const code = `export default { async fetch(r, env) { try { return await env.NS.get("ada", {}, { outbound: { plan: "x".repeat(${length - '{"plan":""}'.length}) } }).fetch(r) } catch (e) { return new Response(e.message) } } }`;
      await gateway.deploy("d", { code, bindings: [dispatch("ns", "NS", { worker: { service: "guard" }, params: [{ name: "plan" }] })] });
      return (await (binding as unknown as Fetcher).fetch(`http://do.example/fn/${tenant}/d`)).text();
    };
    expect(await sized(65_536)).toBe(String(65_536 - 11));
    expect(await sized(65_537)).toBe("Cannot dispatch: outbound must be at most 65536 characters, got 65537");
    expect((await ask("url=https://a.example/", given({}))).status).toBe(200);
  });

  it("that the binding does not have cannot be told anything", async () => {
    const { json } = await platform(null);
    expect(await json("url=https://a.example/")).toMatchObject({
      message: "Cannot dispatch: outbound.customer is not declared by the binding: it has no outbound Worker",
    });
  });

  it("must be there, be another, and be one that who deploys may call", async () => {
    const { gateway, tenant } = await platform();
    const deploy = (name: string, outbound: object, by = gateway) =>
      refusal(by.deploy(name, { code: DISPATCHER, bindings: [dispatch("customers", "D", outbound)] }));
    expect(await deploy("door", { worker: { service: "gone" } })).toMatchObject({
      code: "UNPROCESSABLE",
      reason: "NO_OUTBOUND",
      message: 'Cannot deploy: the outbound Worker of D: there is no function "gone"',
    });
    expect(await deploy("door", { worker: { service: "door" } })).toMatchObject({ reason: "NO_OUTBOUND" });
    expect(await deploy("door", { worker: {} })).toMatchObject({ code: "INVALID_ARGUMENT" });
    const twice = { worker: { service: "guard" }, params: [{ name: "a" }, { name: "a" }] };
    expect(await deploy("door", twice)).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await deploy("door", { worker: { service: "guard" }, params: [{ name: "DO" }] })).toMatchObject({ code: "INVALID_ARGUMENT" });
    const code = `return env.DO.gateway.deploy("d", { code: "export default () => 1", permissions: [], bindings: [{ type: "dispatch_namespace", name: "D", namespace: "n", outbound: { worker: { service: "guard" } } }] }).then(() => "deployed", (e) => e.message)`;
    await gateway.deploy("limited", {
      code: `export default ({ env }) => (async () => { ${code} })()`,
      permissions: ["gateway:write:functions/*", "gateway:write:invoke/n/*"],
    });
    expect(await gateway.invoke("limited")).toBe("Cannot deploy with gateway:write:invoke/guard: who deploys does not have it");
    expect(tenant).toBeTruthy();
  });
});
