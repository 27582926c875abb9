import { Hono } from "hono";
import * as z from "zod";
import type {
  FunctionDeployment,
  FunctionInfo,
  FunctionVersion,
  FunctionVersionFiles,
  OwnEgressRules,
  Upload,
} from "../../../../../../sdk/src/gateway.ts";
import { DoError } from "../../../errors.ts";
import type { HttpEnv } from "../../env.ts";
import { ask, enveloped, json, named, outcome, sent, type Ctx } from "./asked.ts";
import { withInherited } from "./inherited.ts";
import { deploymentOf, keptTypesOf, liveOf, namespaceOf, scriptOf, settingsOf, tagFilter, uploadOf, versionOf } from "./shapes.ts";
import type { Sent } from "./upload.ts";

/**
 * Workers for Platforms, as Cloudflare's SDK calls it with `baseURL: "<server>/wfp"`. The account is the caller's own
 * tenant: it is checked, and chooses nothing. Each route is a method of the gateway, with its scope.
 *
 * @see https://developers.cloudflare.com/api/resources/workers_for_platforms/
 */
const PREFIX = "/wfp/accounts/:account/workers/dispatch/namespaces";

const ScriptBinding = z.object({ name: z.string(), text: z.string(), type: z.literal("secret_text", "must be secret_text") });
const ScriptBindings = z.object({ secrets: z.record(z.string(), ScriptBinding.nullable()).default({}) });
const Deployment = z.object({
  strategy: z.literal("percentage").optional(),
  versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })),
  annotations: z.record(z.string(), z.string()).optional(),
});

export const wfp = new Hono<HttpEnv>()
  .get(
    PREFIX,
    enveloped(async (c) => (await namespaces(c)).map(namespaceOf)),
  )
  .post(
    PREFIX,
    enveloped(async (c) => namespaceOf(await ask(c, "createNamespace", [z.object({ name: z.string() }).parse(await json(c)).name]))),
  )
  .get(
    `${PREFIX}/:ns`,
    enveloped(async (c) => namespaceOf(await namespace(c))),
  )
  .delete(
    `${PREFIX}/:ns`,
    enveloped(async (c) => {
      await namespace(c);
      await ask(c, "deleteNamespace", [c.req.param("ns")]);
      return null;
    }),
  )
  .get(
    `${PREFIX}/:ns/scripts`,
    enveloped(async (c) => (await tagged(c)).map(scriptOf)),
  )
  .delete(
    `${PREFIX}/:ns/scripts`,
    enveloped(async (c) => {
      if (c.req.query("tags") === undefined) throw new DoError("INVALID_ARGUMENT", "To delete scripts, say which by tags");
      const found = await tagged(c);
      for (const { name } of found) await ask(c, "deleteFunction", [name]);
      return { deleted: found.length };
    }),
  )
  .get(
    `${PREFIX}/:ns/scripts/:script`,
    enveloped(async (c) => {
      const info = await script(c);
      return { script: scriptOf(info), created_on: info.createdAt, modified_on: info.updatedAt, dispatch_namespace: c.req.param("ns") };
    }),
  )
  .put(
    `${PREFIX}/:ns/scripts/:script`,
    enveloped(async (c) => {
      await namespace(c);
      return scriptOf((await deploy(c, await meant(c, await sent(c)))).function);
    }),
  )
  .delete(
    `${PREFIX}/:ns/scripts/:script`,
    enveloped(async (c) => {
      await script(c);
      await ask(c, "deleteFunction", [named(c)]);
      return null;
    }),
  )
  .get(`${PREFIX}/:ns/scripts/:script/content`, async (c) => {
    const answer = await outcome(c, async () => {
      const { files, mainModule } = await live(c);
      const main = files[mainModule];
      return typeof main === "string" ? main : "";
    });
    return typeof answer === "string" ? c.body(answer, 200, { "content-type": "application/javascript" }) : answer;
  })
  .put(
    `${PREFIX}/:ns/scripts/:script/content`,
    enveloped(async (c) => {
      const { modules, mainModule } = uploadOf(await sent(c));
      return scriptOf((await redeploy(c, { modules, mainModule })).function);
    }),
  )
  .get(`${PREFIX}/:ns/scripts/:script/settings`, enveloped(settings))
  .patch(
    `${PREFIX}/:ns/scripts/:script/settings`,
    enveloped(async (c) => {
      const asked = await sent(c);
      const { tags, ...said } = settingsOf(asked);
      const changed = said.bindings ? { ...said, bindings: await bindingsOf(c, said.bindings, keptTypesOf(asked, "settings")) } : said;
      if (tags !== undefined) await ask(c, "updateFunction", [named(c), { tags }]);
      if (Object.keys(changed).length > 0) await redeploy(c, changed);
      return settings(c);
    }),
  )
  .get(`${PREFIX}/:ns/scripts/:script/bindings`, enveloped(bindings))
  .get(
    `${PREFIX}/:ns/scripts/:script/tags`,
    enveloped(async (c) => (await script(c)).tags),
  )
  .put(
    `${PREFIX}/:ns/scripts/:script/tags`,
    enveloped(async (c) => {
      const tags =
        z
          .array(z.string())
          .nullable()
          .parse(await json(c)) ?? [];
      return (await ask<FunctionInfo>(c, "updateFunction", [named(c), { tags }])).tags;
    }),
  )
  .delete(
    `${PREFIX}/:ns/scripts/:script/tags/:tag`,
    enveloped(async (c) => {
      const { tags } = await script(c);
      await ask(c, "updateFunction", [named(c), { tags: tags.filter((tag) => tag !== c.req.param("tag")) }]);
      return null;
    }),
  )
  .get(
    `${PREFIX}/:ns/scripts/:script/secrets`,
    enveloped(async (c) => (await secrets(c)).map(secretOf)),
  )
  .get(
    `${PREFIX}/:ns/scripts/:script/secrets/:key`,
    enveloped(async (c) => {
      const found = (await secrets(c)).find(({ key }) => key === c.req.param("key"));
      if (!found) throw new DoError("NOT_FOUND", "There is no such secret");
      return secretOf(found);
    }),
  )
  .put(
    `${PREFIX}/:ns/scripts/:script/secrets`,
    enveloped(async (c) => {
      const { name, text } = ScriptBinding.parse(await json(c));
      await ask(c, "setSecret", [name, text, { function: named(c) }]);
      return { name, type: "secret_text" };
    }),
  )
  .patch(
    `${PREFIX}/:ns/scripts/:script/secrets-bulk`,
    enveloped(async (c) => {
      const { secrets: sentSecrets } = ScriptBindings.parse(await json(c));
      const changes = Object.fromEntries(Object.entries(sentSecrets).map(([key, secret]) => [key, secret && secretValue(key, secret)]));
      const { items } = await ask<{ items: { key: string }[] }>(c, "setSecrets", [changes, { function: named(c) }]);
      return Object.fromEntries(items.map((secret) => [secret.key, secretOf(secret)]));
    }),
  )
  .delete(
    `${PREFIX}/:ns/scripts/:script/secrets/:key`,
    enveloped(async (c) => {
      await ask(c, "deleteSecret", [c.req.param("key"), { function: named(c) }]);
      return null;
    }),
  )
  .get(
    `${PREFIX}/:ns/scripts/:script/versions`,
    enveloped(async (c) => {
      const { items } = await ask<{ items: FunctionVersion[] }>(c, "listVersions", [named(c)]);
      return { items: items.map(versionOf) };
    }),
  )
  .post(
    `${PREFIX}/:ns/scripts/:script/versions`,
    enveloped(async (c) => {
      const { version } = await deploy(c, { ...(await meant(c, await sent(c))), live: false });
      return versionOf(await ask<FunctionVersion>(c, "getVersion", [named(c), version]));
    }),
  )
  .get(
    `${PREFIX}/:ns/scripts/:script/deployments`,
    enveloped(async (c) => {
      const { items } = await ask<{ items: FunctionDeployment[] }>(c, "listDeployments", [named(c)]);
      return { deployments: items.map(deploymentOf) };
    }),
  )
  .post(
    `${PREFIX}/:ns/scripts/:script/deployments`,
    enveloped(async (c) => {
      const { versions, annotations } = Deployment.parse(await json(c));
      const shares = versions.map(({ version_id, percentage }) => ({ version: version_id, percentage }));
      const message = annotations?.["workers/message"];
      return deploymentOf(await ask<FunctionDeployment>(c, "setDeployment", [named(c), shares, message === undefined ? {} : { message }]));
    }),
  );

interface Namespace {
  name: string;
  id: string;
  createdAt: string;
  functions?: number;
}

async function namespaces(c: Ctx): Promise<Namespace[]> {
  return (await ask<{ items: Namespace[] }>(c, "listNamespaces", [])).items;
}

async function namespace(c: Ctx): Promise<Namespace> {
  const found = (await namespaces(c)).find(({ name }) => name === c.req.param("ns"));
  if (found) return found;
  throw new DoError("NOT_FOUND", "There is no such dispatch namespace", { reason: "NO_SUCH_NAMESPACE" });
}

function script(c: Ctx): Promise<FunctionInfo> {
  return ask(c, "getFunction", [named(c)]);
}

async function tagged(c: Ctx): Promise<FunctionInfo[]> {
  await namespace(c);
  const filter = tagFilter(c.req.query("tags"));
  const found: FunctionInfo[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await ask<{ items: FunctionInfo[]; cursor?: string }>(c, "listFunctions", [
      { namespace: c.req.param("ns"), limit: 1_000, ...(cursor === undefined ? {} : { cursor }) },
    ]);
    found.push(...page.items);
    if (page.cursor === undefined) break;
    cursor = page.cursor;
  }
  if (!filter) return found;
  return found.filter(({ tags }) => filter.with.every((tag) => tags.includes(tag)) && !filter.without.some((tag) => tags.includes(tag)));
}

/** An upload with the bindings that it means. */
async function meant(c: Ctx, asked: Sent): Promise<Upload> {
  const upload = uploadOf(asked);
  const bound = await bindingsOf(c, upload.bindings ?? [], keptTypesOf(asked, "metadata"));
  return bound.length > 0 ? { ...upload, bindings: bound } : upload;
}

async function bindingsOf(c: Ctx, said: NonNullable<Upload["bindings"]>, keptTypes: readonly string[]) {
  const bound = await withInherited(said, keptTypes, {
    bindingsOf: async (version) => (await earlierVersion(c, version)).settings.bindings,
    secrets: async () => (await secrets(c)).map(({ key }) => key),
  });
  // What they are is checked by gateway.deploy.
  return bound as NonNullable<Upload["bindings"]>;
}

async function earlierVersion(c: Ctx, version: string): Promise<Pick<FunctionVersion, "settings">> {
  if (version !== "latest") return ask(c, "getVersion", [named(c), version]);
  const { items } = await ask<{ items: FunctionVersion[] }>(c, "listVersions", [named(c), { limit: 1 }]);
  const [latest] = items;
  if (latest) return latest;
  throw new DoError("NOT_FOUND", "There is no version to inherit from", { reason: "NO_SUCH_FUNCTION" });
}

function deploy(c: Ctx, upload: Upload): Promise<{ function: FunctionInfo; version: string }> {
  return ask(c, "deploy", [named(c), upload]);
}

async function live(c: Ctx): Promise<FunctionVersionFiles> {
  return ask(c, "getVersion", [named(c), liveOf(await script(c))]);
}

/** The live version with changes. */
async function redeploy(
  c: Ctx,
  changed: Pick<Upload, "modules" | "mainModule" | "bindings" | "limits">,
): Promise<{ function: FunctionInfo }> {
  const { files, mainModule, settings: kept } = await live(c);
  const same = {
    modules: files,
    mainModule,
    bindings: kept.bindings as Upload["bindings"],
    limits: kept.limits,
    permissions: kept.permissions,
    // Left out, it would be all that the tenant's rules allow.
    ...(kept.egress === undefined ? {} : { egress: kept.egress as OwnEgressRules }),
  };
  return deploy(c, { ...same, ...changed });
}

function secrets(c: Ctx): Promise<{ key: string }[]> {
  return ask<{ items: { key: string }[] }>(c, "listSecrets", [{ function: named(c) }]).then(({ items }) => items);
}

/** @throws DoError INVALID_ARGUMENT for one that is named in two ways */
function secretValue(key: string, { name, text }: z.infer<typeof ScriptBinding>): string {
  if (name === key) return text;
  throw new DoError("INVALID_ARGUMENT", `The secret ${key.slice(0, 64)} says that its name is ${name.slice(0, 64)}`);
}

function secretOf({ key }: { key: string }): { name: string; type: string } {
  return { name: key, type: "secret_text" };
}

async function bindings(c: Ctx): Promise<unknown[]> {
  const { settings: kept } = await live(c);
  return [...kept.bindings, ...(await secrets(c)).map(secretOf)];
}

async function settings(c: Ctx): Promise<Record<string, unknown>> {
  const [{ tags }, version, bound] = [await script(c), await live(c), await bindings(c)];
  const { cpuMs, calls } = version.settings.limits;
  return {
    bindings: bound,
    tags,
    usage_model: "standard",
    limits: { ...(cpuMs === undefined ? {} : { cpu_ms: cpuMs }), ...(calls === undefined ? {} : { subrequests: calls }) },
  };
}
