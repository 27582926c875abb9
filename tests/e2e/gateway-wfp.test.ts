import Cloudflare, { APIError, toFile } from "cloudflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";
import { ADD } from "../support/wasm.ts";

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
    const bulk = (changes: Record<string, string | null>) =>
      api().scripts.secrets.bulkUpdate("ada", {
        ...NS,
        secrets: Object.fromEntries(
          Object.entries(changes).map(([name, text]) => [name, text === null ? null : { name, text, type: "secret_text" as const }]),
        ),
      });
    expect(await bulk({ TOKEN: "rotated-by-bulk", OTHER: "other-secret" })).toEqual({
      OTHER: { name: "OTHER", type: "secret_text" },
      TOKEN: { name: "TOKEN", type: "secret_text" },
    });
    expect(await ask("ada")).toEqual(["bye!", "no", 15]);
    // In one step: nothing of what is refused in part is done.
    expect(await apiError(bulk({ OTHER: null, "no-name": "x" }))).toEqual([400, 10_000]);
    expect(Object.keys(await bulk({}))).toEqual(["OTHER", "TOKEN"]);
    expect(Object.keys(await bulk({ OTHER: null, GONE: null }))).toEqual(["TOKEN"]);
    await api().scripts.secrets.delete("TOKEN", { ...NS, script_name: "ada" });
    expect((await api().scripts.secrets.list("ada", NS)).result).toEqual([]);
  });

  it("bindings are inherited by name, by an old name, of a version, and kept by type", async () => {
    const files = [await module(json("[env.A ?? 0, env.B ?? 0, env.J ?? 0, env.S?.length ?? 0]"))];
    const upload = async (metadata: object) =>
      (await api().scripts.update("dan", { ...NS, metadata: { main_module: "worker.mjs", ...metadata }, files })).etag;
    const text = (name: string, value: string) => ({ type: "plain_text" as const, name, text: value });
    const inherit = (name: string, more: object = {}) => ({ type: "inherit" as const, name, ...more });
    const first = await upload({
      bindings: [
        text("A", "a1"),
        text("B", "b1"),
        { type: "json", name: "J", json: "j1" as never },
        { type: "secret_text", name: "S", text: "secret" },
      ],
    });
    expect(await ask("dan")).toEqual({ value: ["a1", "b1", "j1", 6] });
    await upload({ bindings: [inherit("A"), inherit("J", { version_id: "latest" }), inherit("S")] });
    expect(await ask("dan")).toEqual({ value: ["a1", 0, "j1", 6] });
    await upload({ bindings: [inherit("B", { old_name: "A" })] });
    expect(await ask("dan")).toEqual({ value: [0, "a1", 0, 6] });
    await upload({ bindings: [text("A", "a4"), inherit("B", { version_id: first })] });
    expect(await ask("dan")).toEqual({ value: ["a4", "b1", 0, 6] });
    await upload({ bindings: [text("A", "a5")], keep_bindings: ["plain_text"] });
    expect(await ask("dan")).toEqual({ value: ["a5", "b1", 0, 6] });
    await api().scripts.settings.edit("dan", {
      ...NS,
      settings: { bindings: [inherit("B"), { type: "json", name: "J", json: "j7" }] },
    });
    expect(await ask("dan")).toEqual({ value: [0, "b1", "j7", 6] });
    expect(await apiError(upload({ bindings: [inherit("GONE")] }))).toEqual([400, 10_000]);
    expect(await apiError(upload({ bindings: [inherit("A", { version_id: `ver_${"0".repeat(32)}` })] }))).toEqual([404, 10_000]);
    expect(
      await apiError(api().scripts.update("new", { ...NS, metadata: { main_module: "worker.mjs", bindings: [inherit("A")] }, files })),
    ).toEqual([404, 10_007]);
    expect(await ask("dan")).toEqual({ value: [0, "b1", "j7", 6] });
  });

  it("what is changed of a script leaves its own egress rules as they are", async () => {
    const { gateway } = connect(host.url, host.rootKey);
    await gateway.deploy("customers/quiet", { code: "export default { fetch: () => new Response() }", egress: "deny-all" });
    await api().scripts.settings.edit("quiet", { ...NS, settings: { bindings: [{ type: "plain_text", name: "A", text: "a" }] } });
    const [version] = (await gateway.listVersions("customers/quiet")).items;
    expect(version?.settings).toMatchObject({ bindings: [{ name: "A" }], egress: "deny-all" });
  });

  it("modules of other kinds are what their type says", async () => {
    const code = `import add from "./add.wasm"; import bytes from "./bytes.bin"; import words from "./words.txt"; import config from "./config.json";
      const { exports } = new WebAssembly.Instance(add);
      export default { fetch: () => Response.json([exports.add(2, 3), [...new Uint8Array(bytes)], words, config.a]) };`;
    const file = (bytes: Uint8Array | string, name: string, type: string) => toFile(Buffer.from(bytes), name, { type });
    const files = [
      await module(code),
      await file(ADD, "add.wasm", "application/wasm"),
      await file(new Uint8Array([0, 255]), "bytes.bin", "application/octet-stream"),
      await file("words", "words.txt", "text/plain"),
      await file('{"a":1}', "config.json", "application/json"),
    ];
    await api().scripts.update("wasm", { ...NS, metadata: { main_module: "worker.mjs" }, files });
    expect(await ask("wasm")).toEqual([5, [0, 255], "words", 1]);
    // The rest stays when the bindings alone are changed.
    await api().scripts.settings.edit("wasm", { ...NS, settings: { bindings: [{ type: "plain_text", name: "A", text: "a" }] } });
    expect(await ask("wasm")).toEqual([5, [0, 255], "words", 1]);
    const broken = [await module(code), await file("no wasm", "add.wasm", "application/wasm"), ...files.slice(2)];
    expect(await apiError(api().scripts.update("wasm", { ...NS, metadata: { main_module: "worker.mjs" }, files: broken }))).toEqual([
      422, 10_021,
    ]);
    expect(await ask("wasm")).toEqual([5, [0, 255], "words", 1]);
  });

  it("a dispatcher's outbound Worker is bound as Cloudflare binds it", async () => {
    const { gateway } = connect(host.url, host.rootKey);
    await gateway.deploy("guard", { code: "export default { fetch: (request, env) => Response.json([request.url, env.customer]) }" });
    const outbound = { worker: { service: "guard" }, params: [{ name: "customer" }] };
    const bindings = [{ type: "dispatch_namespace" as const, name: "CUSTOMERS", namespace: "customers", outbound }];
    const code = `export default { fetch: (r, env) => env.CUSTOMERS.get("fetches", {}, { outbound: { customer: "eve" } }).fetch(r) }`;
    const [inner, files] = [[await module("export default { fetch: () => fetch('https://a.example/x') }")], [await module(code)]];
    await api().scripts.update("fetches", { ...NS, metadata: { main_module: "worker.mjs" }, files: inner });
    await api().scripts.update("eve-door", { ...NS, metadata: { main_module: "worker.mjs", bindings }, files });
    expect((await api().scripts.bindings.get("eve-door", NS)).result).toEqual(bindings);
    expect(await ask("eve-door")).toEqual(["https://a.example/x", "eve"]);
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
      new Blob([JSON.stringify({ main_module: "worker.mjs", annotations: { "workers/message": "third", "workers/tag": "v3" } })], {
        type: "application/json",
      }),
    );
    form.set("worker.mjs", new File([json("3")], "worker.mjs", { type: "application/javascript+module" }));
    const version = (await (await raw("POST", "bob/versions", form)).json()) as { result: { version_id: string } };
    expect(await ask("bob")).toEqual({ value: [2, "kept"] });
    const { result } = (await (await raw("GET", "bob/versions")).json()) as { result: { items: { id: string }[] } };
    expect(result.items).toHaveLength(3);
    expect(result.items[0]).toMatchObject({ annotations: { "workers/message": "third", "workers/tag": "v3" } });
    expect(version).toMatchObject({ result: { annotations: { "workers/tag": "v3" } } });
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
