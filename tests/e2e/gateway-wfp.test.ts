import Cloudflare, { APIError, toFile } from "cloudflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

const NS = { account_id: "root", dispatch_namespace: "customers" };
let host: TestHost;
let cloudflare: Cloudflare;
beforeAll(async () => {
  host = await testHost();
  cloudflare = new Cloudflare({ apiToken: host.rootKey, baseURL: `${host.url}/wfp`, maxRetries: 0 });
});
afterAll(() => host.stop());

const api = () => cloudflare.workersForPlatforms.dispatch.namespaces;
const module = (code: string, name = "worker.mjs") => toFile(Buffer.from(code), name, { type: "application/javascript+module" });
const json = (value: string) => `export default { fetch: (request, env) => Response.json({ value: ${value} }) }`;
const raw = (method: string, path: string, body?: string | FormData) =>
  host.ask(`/wfp/accounts/root/workers/dispatch/namespaces/customers/scripts/${path}`, { method, ...(body === undefined ? {} : { body }) });

/** Asks a customer through a dispatcher, which is the only way there. */
async function ask(name: string): Promise<unknown> {
  const { gateway } = connect(host.url, host.rootKey);
  return ((await gateway.invoke("dispatcher", { url: `/${name}` })) as { body: unknown }).body;
}

const apiError = (work: Promise<unknown>) =>
  work.then(
    (value: unknown) => ({ value }),
    (error: APIError) => [error.status, (error.errors as { code: number }[])[0]?.code],
  );

describe("Workers for Platforms by Cloudflare's own SDK", () => {
  it("namespaces: created, listed, got", async () => {
    expect(await cloudflare.workersForPlatforms.dispatch.namespaces.create({ account_id: "root", name: "customers" })).toMatchObject({
      namespace_name: "customers",
    });
    expect((await api().list({ account_id: "root" })).result).toEqual([
      expect.objectContaining({ namespace_name: "customers", script_count: 0 }),
    ]);
    expect(await api().get("customers", { account_id: "root" })).toMatchObject({ namespace_name: "customers" });
    expect(await apiError(api().get("gone", { account_id: "root" }))).toEqual([404, 100_119]);
    expect(await apiError(api().list({ account_id: "elsewhere" }))).toEqual([404, 10_000]);
    await connect(host.url, host.rootKey).gateway.deploy("dispatcher", {
      code: `export default { async fetch(request, env) { try { return await env.DISPATCHER.get(new URL(request.url).pathname.slice(1)).fetch(request) } catch (e) { return Response.json(e.message) } } }`,
      bindings: [{ type: "dispatch_namespace", name: "DISPATCHER", namespace: "customers" }],
    });
  });

  it("a script: uploaded with metadata, bindings and tags, found by tag, read, deleted", async () => {
    const metadata = {
      main_module: "worker.mjs",
      compatibility_date: "2025-01-01",
      tags: ["customer-1", "pro"],
      bindings: [
        { type: "plain_text" as const, name: "GREETING", text: "hello" },
        { type: "json" as const, name: "CONFIG", json: { deep: "yes" } as never },
        { type: "secret_text" as const, name: "TOKEN", text: "very-secret-token" },
      ],
    };
    const files = [
      await module(
        'import { greet } from "./lib.mjs"; export default { fetch: (r, env) => Response.json([greet(env.GREETING), env.CONFIG.deep, env.TOKEN.length]) }',
      ),
      await module("export const greet = (s) => s + '!';", "lib.mjs"),
    ];
    expect(await api().scripts.update("ada", { ...NS, metadata, files })).toMatchObject({
      id: "ada",
      etag: expect.stringMatching(/^ver_/) as string,
    });
    expect(await ask("ada")).toEqual(["hello!", "yes", 17]);
    expect(await api().scripts.get("ada", NS)).toMatchObject({
      dispatch_namespace: "customers",
      script: { id: "ada", tags: ["customer-1", "pro"] },
    });
    expect((await api().scripts.bindings.get("ada", NS)).result).toEqual([
      { type: "plain_text", name: "GREETING", text: "hello" },
      { type: "json", name: "CONFIG", json: { deep: "yes" } },
      { name: "TOKEN", type: "secret_text" },
    ]);
    expect(await (await api().scripts.content.get("ada", NS)).text()).toContain("greet(env.GREETING)");
    const found = await (await host.ask("/wfp/accounts/root/workers/dispatch/namespaces/customers/scripts?tags=pro:yes,gone:no")).json();
    expect(found).toMatchObject({ success: true, result: [{ id: "ada" }] });
  });

  it("settings, tags and secrets change what is live", async () => {
    await api().scripts.settings.edit("ada", {
      ...NS,
      settings: {
        tags: ["beta"],
        bindings: [
          { type: "plain_text", name: "GREETING", text: "bye" },
          { type: "json", name: "CONFIG", json: { deep: "no" } },
        ],
      },
    });
    expect(await ask("ada")).toEqual(["bye!", "no", 17]);
    expect(await api().scripts.settings.get("ada", NS)).toMatchObject({ tags: ["beta"] });
    expect((await api().scripts.tags.update("ada", { ...NS, body: ["a", "b"] })).result).toEqual(["a", "b"]);
    await api().scripts.tags.delete("a", { ...NS, script_name: "ada" });
    expect((await api().scripts.tags.list("ada", NS)).result).toEqual(["b"]);
    expect(await api().scripts.secrets.update("ada", { ...NS, name: "TOKEN", text: "short-secret", type: "secret_text" })).toEqual({
      name: "TOKEN",
      type: "secret_text",
    });
    expect(await ask("ada")).toEqual(["bye!", "no", 12]);
    expect((await api().scripts.secrets.list("ada", NS)).result).toEqual([{ name: "TOKEN", type: "secret_text" }]);
    expect(await api().scripts.secrets.get("TOKEN", { ...NS, script_name: "ada" })).toEqual({ name: "TOKEN", type: "secret_text" });
    await api().scripts.secrets.delete("TOKEN", { ...NS, script_name: "ada" });
    expect((await api().scripts.secrets.list("ada", NS)).result).toEqual([]);
  });

  it("content alone is replaced; versions wait, and deployments divide", async () => {
    await api().scripts.update("bob", {
      ...NS,
      metadata: { main_module: "worker.mjs", bindings: [{ type: "plain_text", name: "V", text: "kept" }] },
      files: [await module(json("[1, env.V]"))],
    });
    await api().scripts.content.update("bob", {
      ...NS,
      metadata: { main_module: "worker.mjs" },
      files: [await module(json("[2, env.V]"))] as never,
    });
    expect(await ask("bob")).toEqual({ value: [2, "kept"] });
    const form = new FormData();
    form.set(
      "metadata",
      new Blob([JSON.stringify({ main_module: "worker.mjs", annotations: { "workers/message": "third" } })], { type: "application/json" }),
    );
    form.set("worker.mjs", new File([json("3")], "worker.mjs", { type: "application/javascript+module" }));
    const version = (await (await raw("POST", "bob/versions", form)).json()) as { result: { version_id: string } };
    expect(await ask("bob")).toEqual({ value: [2, "kept"] });
    const { result } = (await (await raw("GET", "bob/versions")).json()) as { result: { items: { id: string }[] } };
    expect(result.items).toHaveLength(3);
    const body = JSON.stringify({ strategy: "percentage", versions: [{ version_id: version.result.version_id, percentage: 100 }] });
    const deployed = await host.ask("/wfp/accounts/root/workers/dispatch/namespaces/customers/scripts/bob/deployments", {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(await deployed.json()).toMatchObject({ success: true, result: { strategy: "percentage" } });
    expect(await ask("bob")).toEqual({ value: 3 });
  });

  it("a script as it is, as the seed documents upload it", async () => {
    const response = await raw("PUT", "carol", json("'plain'"));
    expect(await response.json()).toMatchObject({ success: true, result: { id: "carol" } });
    expect(await ask("carol")).toEqual({ value: "plain" });
  });

  it("what cannot be is refused with the numbers of Cloudflare, and the live version stays", async () => {
    const bad = async (code: string, metadata: object = { main_module: "worker.mjs" }) =>
      apiError(api().scripts.update("ada", { ...NS, metadata, files: [await module(code)] }));
    expect(await bad("export default {")).toEqual([422, 10_021]);
    expect(await bad(json("1"), { main_module: "gone.mjs" })).toEqual([400, 10_000]);
    expect(
      await bad(json("1"), { main_module: "worker.mjs", bindings: [{ type: "kv_namespace", name: "KV", namespace_id: "x" }] }),
    ).toEqual([400, 10_000]);
    expect(await apiError(api().scripts.get("nobody", NS))).toEqual([404, 10_007]);
    expect(
      await apiError(
        api().scripts.update("x", {
          ...NS,
          dispatch_namespace: "gone",
          metadata: { main_module: "worker.mjs" },
          files: [await module(json("1"))],
        }),
      ),
    ).toEqual([404, 100_119]);
    expect(await ask("nobody")).toBe("Worker not found.");
    expect(await ask("bob")).toEqual({ value: 3 });
  });

  it("a class with its migration, and its namespace", async () => {
    const code = `import { DurableObject } from "cloudflare:workers";
      export class Room extends DurableObject { async add() { const n = ((await this.ctx.storage.get("n")) ?? 0) + 1; await this.ctx.storage.put("n", n); return n } }
      export default { fetch: async (request, env) => Response.json(await env.ROOM.getByName("a").add()) }`;
    const upload = async (migrations: object) =>
      api().scripts.update("rooms", {
        ...NS,
        metadata: {
          main_module: "worker.mjs",
          bindings: [{ type: "durable_object_namespace", name: "ROOM", class_name: "Room" }],
          migrations,
        },
        files: [await module(code)],
      });
    await upload({ new_tag: "v1", new_sqlite_classes: ["Room"] });
    expect([await ask("rooms"), await ask("rooms")]).toEqual([1, 2]);
    await upload({ new_tag: "v2", steps: [] });
    expect(await ask("rooms")).toBe(3);
    expect(await apiError(upload({ new_tag: "v3", deleted_classes: ["Room"] }))).toEqual([501, 10_000]);
  });

  it("scripts and namespaces are deleted", async () => {
    await api().scripts.delete("bob", NS);
    expect(await ask("bob")).toBe("Worker not found.");
    await api().scripts.tags.update("carol", { ...NS, body: ["old"] });
    expect(
      await (await host.ask("/wfp/accounts/root/workers/dispatch/namespaces/customers/scripts?tags=old:yes", { method: "DELETE" })).json(),
    ).toMatchObject({ result: { deleted: 1 } });
    expect(await ask("carol")).toBe("Worker not found.");
    await api().delete("customers", { account_id: "root" });
    expect(await ask("ada")).toBe("Worker not found.");
  });
});
