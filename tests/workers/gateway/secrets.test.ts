import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { functionsOf } from "../../../workers/core-services/gateway/functions/functions.ts";
import { Vault, vaultOf } from "../../../workers/core-services/gateway/functions/vault.ts";
import { Redactor } from "../../../workers/do/src/functions/redact.ts";
import { gatewayFor, refusal } from "./support.ts";

const READS = "export default ({ env, input }) => [typeof env.TOKEN, env.TOKEN?.length ?? 0, env.TOKEN === input]";

describe("secrets", () => {
  it("reach the next call, are replaced without a deployment, and are the tenant's or the function's", async () => {
    const { gateway } = gatewayFor();
    await gateway.deploy("s", { code: READS });
    expect(await gateway.invoke("s", "x")).toEqual(["undefined", 0, false]);
    await gateway.setSecret("TOKEN", "of-the-tenant");
    expect(await gateway.invoke("s", "of-the-tenant")).toEqual(["string", 13, true]);
    await gateway.setSecret("TOKEN", "of-the-function", { function: "s" });
    expect(await gateway.invoke("s", "of-the-function")).toEqual(["string", 15, true]);
    await gateway.setSecret("TOKEN", "rotated-value", { function: "s" });
    expect(await gateway.invoke("s", "rotated-value")).toEqual(["string", 13, true]);
    expect((await gateway.listSecrets({ function: "s" })).items).toEqual([{ key: "TOKEN", updatedAt: expect.any(String) as string }]);
    expect(await gateway.deleteSecret("TOKEN", { function: "s" })).toEqual({ deleted: true });
    expect(await gateway.invoke("s", "of-the-tenant")).toEqual(["string", 13, true]);
  });

  it("come with a deployment, in the same step, and are no part of the version", async () => {
    const { gateway } = gatewayFor();
    const made = await gateway.deploy("d", {
      code: READS,
      secrets: { TOKEN: "first-secret" },
      bindings: [{ type: "secret_text", name: "OTHER", text: "other-secret" }],
    });
    const again = await gateway.deploy("d", { code: READS, secrets: { TOKEN: "second-secret" } });
    expect([again.version, again.created]).toEqual([made.version, false]);
    expect(await gateway.invoke("d", "second-secret")).toEqual(["string", 13, true]);
    expect(JSON.stringify([made, await gateway.getVersion("d", made.version), await gateway.getFunction("d")])).not.toContain("secret-");
    expect((await gateway.listSecrets({ function: "d" })).items.map(({ key }) => key)).toEqual(["OTHER", "TOKEN"]);
  });

  it("and variables are replaced without a deployment; these can be read, and are encrypted all the same", async () => {
    const { gateway, tenant } = gatewayFor();
    const code = "export default ({ env }) => [env.UNIT, env.LEVEL]";
    await gateway.deploy("v", { code, bindings: [{ type: "plain_text", name: "UNIT", text: "deployed" }] });
    await gateway.setVariable("UNIT", "of-the-tenant");
    await gateway.setVariable("LEVEL", "of-the-tenant");
    expect(await gateway.invoke("v", null)).toEqual(["deployed", "of-the-tenant"]);
    await gateway.setVariable("UNIT", "of-the-function", { function: "v" });
    expect(await gateway.invoke("v", null)).toEqual(["of-the-function", "of-the-tenant"]);
    expect((await gateway.listVariables({ function: "v" })).items).toMatchObject([{ key: "UNIT", value: "of-the-function" }]);
    expect((await gateway.listSecrets({ function: "v" })).items).toEqual([]);
    const stored = await runInDurableObject(env.FUNCTIONS.getByName(tenant), (_, { storage }) =>
      storage.sql
        .exec<{ sealed: ArrayBuffer }>("SELECT sealed FROM variables")
        .toArray()
        .map((row) => new TextDecoder("latin1").decode(row.sealed)),
    );
    expect(stored.join("")).not.toContain("of-the");
    expect(await gateway.deleteVariable("UNIT", { function: "v" })).toEqual({ deleted: true });
    expect(await gateway.invoke("v", null)).toEqual(["deployed", "of-the-tenant"]);
    expect(await refusal(gateway.setVariable("UNIT", "x", { function: "gone" }))).toMatchObject({ code: "NOT_FOUND" });
    const { gateway: other } = gatewayFor();
    expect((await other.listVariables()).items).toEqual([]);
  });

  it("are in no answer, log, error, execution or table", async () => {
    const { gateway, binding, tenant } = gatewayFor();
    const secret = 'hunter2-"quoted"-and-long';
    const code = (body: string) => `export default async ({ env, input }) => { ${body} }`;
    await gateway.deploy("leaks", {
      code: code(
        `console.log("the token is", env.TOKEN); if (input === "throw") throw new Error("bad " + env.TOKEN); if (input === "response") return new Response("a" + env.TOKEN + "b"); return { in: [env.TOKEN], ["k" + env.TOKEN]: 1 }`,
      ),
      secrets: { TOKEN: secret },
    });
    expect(await gateway.invoke("leaks", null)).toEqual({ in: ["[secret TOKEN]"], "k[secret TOKEN]": 1 });
    expect(await refusal(gateway.invoke("leaks", "throw"))).toMatchObject({ message: "leaks: Error: bad [secret TOKEN]" });
    const path = `http://do.example/fn/${tenant}/leaks`;
    const response = await (binding as unknown as Fetcher).fetch(path, { method: "POST", body: "response" });
    expect(await response.text()).toBe("a[secret TOKEN]b");
    const list = await (await binding.executions).list();
    const records = await Promise.all(list.items.map(async ({ id }) => (await binding.executions).get(id)));
    expect(records.length).toBeGreaterThan(2);
    expect(JSON.stringify(records)).toContain("the token is [secret TOKEN]");
    expect(JSON.stringify(records)).not.toContain("hunter2");
    const stored = await runInDurableObject(env.FUNCTIONS.getByName(tenant), (_, { storage }) =>
      ["functions", "versions", "deployments", "texts"].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
    );
    expect(JSON.stringify(stored)).not.toContain("hunter2");
    const sealed = await runInDurableObject(env.FUNCTIONS.getByName(tenant), (_, { storage }) =>
      storage.sql
        .exec<{ sealed: ArrayBuffer }>("SELECT sealed FROM secrets")
        .toArray()
        .map((row) => new TextDecoder("latin1").decode(row.sealed)),
    );
    expect(sealed.join("")).not.toContain("hunter2");
  });

  it("without a key of the operator none is taken, and one moved elsewhere does not open", async () => {
    expect(() => vaultOf(undefined, "t")).toThrow(/no DO_SECRETS_KEY/);
    expect(() => vaultOf("k".repeat(31), "t")).toThrow(/no DO_SECRETS_KEY/);
    const vault = vaultOf("k".repeat(32), "t");
    const place = { tenant: "t", name: "f", key: "K" };
    const sealed = await vault.seal("value", place);
    expect(await vault.open(sealed, place)).toBe("value");
    expect(await vault.seal("value", place)).not.toEqual(sealed);
    for (const other of [
      { ...place, name: "g" },
      { ...place, key: "L" },
      { ...place, tenant: "u" },
    ])
      await expect(vault.open(sealed, other)).rejects.toThrow(/another key/);
    await expect(new Vault("k".repeat(32), "u").open(sealed, place)).rejects.toThrow(/another key/);
    await expect(new Vault("x".repeat(32), "t").open(sealed, place)).rejects.toThrow(/another key/);
  });

  it.each(["DO", "__proto__", "1A", "a-b", ""])("the name %j is refused", async (key) => {
    const { gateway } = gatewayFor();
    expect(await refusal(gateway.setSecret(key, "value"))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("a scope to call gives no way to secrets, nor one for a function's to another's", async () => {
    const { gateway, tenant } = gatewayFor();
    await gateway.deploy("mine", { code: READS });
    await functionsOf(env, tenant).setSecret("secrets", "mine", "TOKEN", "x", Date.now());
    const { binding } = gatewayFor("internal", tenant);
    const answer = await binding.execute({ code: `return env.DO.gateway.listSecrets({ function: "gone" }).catch((e) => e.reason)` });
    expect(answer.result).toBe("NO_SUCH_FUNCTION");
  });
});

describe("the redactor", () => {
  const redactor = new Redactor({ LONG: "secret-value-long", SHORT: "secret-value", TINY: "abc" });

  it("takes the longest first, and leaves what is in everything", () => {
    expect(redactor.text("a secret-value-long b secret-value c abc")).toBe("a [secret LONG] b [secret SHORT] c abc");
  });

  it.each([1, 2, 3, 5, 7, 100])("finds them over the borders of chunks of %i bytes", async (size) => {
    const text = "xxsecret-valsecret-value-lon secret-value-long ü end secret-val";
    const bytes = new TextEncoder().encode(text);
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    expect(await new Response(source.pipeThrough(redactor.stream())).text()).toBe(
      "xxsecret-val[secret SHORT]-lon [secret LONG] ü end secret-val",
    );
  });
});
