import { afterAll, beforeAll, expect, it } from "vitest";
import { startClientWorker, type ClientWorker } from "../support/one-process.ts";

/** A dispatcher as its users have it, and what makes its customers. */
const CLIENT = `
const CUSTOMERS = {
  good: "export default { async fetch(request, env, ctx) { return Response.json({ path: new URL(request.url).pathname, body: await request.text(), props: ctx.props }) } }",
  throws: "export default { fetch() { throw new Error('customer bug') } }",
  loops: "export default { fetch() { for (;;); } }",
  fetches: "export default { fetch: () => fetch('https://api.example.com/x') }",
};
const GUARD = "export default { fetch: (request, env) => Response.json([request.url, env.customer]) }";
export default {
  async fetch(request, env) {
    const [, name] = new URL(request.url).pathname.split("/");
    if (name === "setup") {
      const gateway = await env.DO.gateway;
      for (const [name, code] of Object.entries(CUSTOMERS)) await gateway.deploy("customers/" + name, { code });
      await gateway.deploy("guard", { code: GUARD });
      return Response.json("ok");
    }
    if (name === "fetches") {
      const [asked, wrong] = [{ customer: "ada" }, { other: 1 }].map((outbound) => env.GUARDED_DISPATCHER.get(name, {}, { outbound }).fetch(request));
      return Response.json([await (await asked).json(), await wrong.catch((e) => e.message)]);
    }
    try {
      const userWorker = env.DISPATCHER.get(name, { plan: "pro" }, { limits: { cpuMs: 50, subRequests: 5 } });
      return await userWorker.fetch(new Request(request.url, { method: "POST", body: "sent" }));
    } catch (e) {
      if (e.message.startsWith("Worker not found")) return Response.json({ status: 404 });
      return Response.json({ status: 500, message: e.message });
    }
  },
};`;

let client: ClientWorker;
beforeAll(async () => {
  client = await startClientWorker(CLIENT);
});
afterAll(() => client.stop());

it("another Worker's dispatcher runs unchanged on a binding", async () => {
  expect(await client.ask("setup")).toBe("ok");
  expect(await client.ask("good")).toEqual({ path: "/good", body: "sent", props: { plan: "pro" } });
  expect(await client.ask("gone")).toEqual({ status: 404 });
  expect(await client.ask("throws")).toEqual({ status: 500, message: "customer bug" });
  expect(await client.ask("fetches")).toEqual([
    ["https://api.example.com/x", "ada"],
    "Cannot dispatch: outbound.other is not declared by the binding: its params are customer",
  ]);
  expect(await client.ask("loops")).toEqual({ status: 500, message: "Worker exceeded CPU time limit." });
});
