import { DoError } from "../../../../sdk/src/errors.ts";
import type { Limits } from "../../../../sdk/src/types.ts";
import { beyond } from "../../auth/scopes.ts";
import type { Tier } from "../../auth/tiers.ts";
import type { Remote } from "../../auth/remote.ts";
import { byteLength, sha256 } from "../../shared/hash.ts";
import type { Implementation, ServiceDefinition } from "../../shared/method.ts";
import { onceKey } from "../../shared/once.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import type { functionMethods, SentBinding, Upload } from "../schema/functions.ts";
import type { OfSecret } from "../schema/secrets.ts";
import type { Binding, Bundled, EntrypointInfo, FunctionEngine, Settings } from "./engine.ts";
import type { Packages } from "../packages/packages.ts";
import { importedNames } from "../packages/imported.ts";
import type { Functions } from "./functions.ts";
import { FOR_EGRESS } from "./secrets.ts";
import { filesOf, type Files } from "./upload.ts";

/** What the methods act on, for one caller. */
export interface FunctionsDeps {
  readonly store: Remote<Functions>;
  readonly packages: Pick<Remote<Packages>, "gather">;
  readonly engine: FunctionEngine;
  readonly caller: {
    readonly id: string;
    readonly isGuest: boolean;
    readonly tier: string;
    readonly limits: Tier;
    /** All that it may hand on, and what its own code would have. */
    readonly scopes: readonly string[];
    readonly codeScopes: readonly string[];
  };
  readonly now: () => number;
}

type Defined = Implementation<ServiceDefinition<typeof functionMethods>>;

const DEFAULT_PAGE = 100;

export function functionService(deps: FunctionsDeps): Defined {
  const { store, engine, caller, now } = deps;
  return {
    deploy: (name, upload) => deploy(deps, name, upload),
    listFunctions: ({ namespace, tag, limit = DEFAULT_PAGE, cursor } = {}) => store.list(namespace, tag, limit, cursor),
    getFunction: (name) => store.get(name),
    updateFunction: (name, { tags, public: isPublic }) => store.update(name, { tags, isPublic }, now()),
    deleteFunction: (name) => andWhatItStored(deps, store.delete(name)),
    deleteFunctions: ({ tag, namespace }) => andWhatItStored(deps, store.deleteTagged(tag, namespace)),
    listVersions: (name, { limit = DEFAULT_PAGE, cursor } = {}) => store.listVersions(name, limit, cursor),
    getVersion: (name, version) => store.getVersion(name, version),
    setDeployment: (name, shares, { message } = {}) => store.setDeployment(name, shares, caller.id, message, now()),
    listDeployments: async (name) => ({ items: await store.listDeployments(name) }),
    rollback: (name, { to, message } = {}) => store.rollback(name, to, caller.id, message, now()),
    invoke: (name, input, { entrypoint = "default", version, stickyKey, timeoutMs } = {}) =>
      engine.call(name, { kind: "invoke", entrypoint, input }, { version, key: stickyKey, timeoutMs }),
    call: (name, method, args = [], { entrypoint = "default", version, stickyKey, timeoutMs } = {}) =>
      engine.call(name, { kind: "method", entrypoint, method, args }, { version, key: stickyKey, timeoutMs }),
    callObject: (name, object, method, args = [], { entrypoint, timeoutMs } = {}) =>
      engine.callObject(name, { object, method, args, entrypoint, timeoutMs }),
    listObjects: (name, { entrypoint, limit = DEFAULT_PAGE, cursor } = {}) => store.listObjects(name, entrypoint, limit, cursor),
    deleteObject: async (name, object, { entrypoint }) => {
      const home = await store.findObject(name, { entrypoint, name: object });
      if (home === undefined) return { deleted: false };
      await engine.forgetObject(home, { entrypoint, name: object });
      await store.objectGone(home, { entrypoint, name: object });
      return { deleted: true };
    },
    setSecret: (key, value, of) => store.setSecret("secrets", changedOwnerOf(caller, of), key, value, now()),
    listSecrets: async (of) => ({ items: await store.listSecrets("secrets", ownerOf(of)) }),
    deleteSecret: (key, of) => store.deleteSecret("secrets", changedOwnerOf(caller, of), key),
    setVariable: (key, value, { function: name = "" } = {}) => store.setSecret("variables", name, key, value, now()),
    listVariables: async ({ function: name = "" } = {}) => ({ items: await store.listVariables(name) }),
    deleteVariable: (key, { function: name = "" } = {}) => store.deleteSecret("variables", name, key),
    createNamespace: (name) => store.createNamespace(name, now()),
    listNamespaces: async () => ({ items: await store.listNamespaces() }),
    deleteNamespace: (name) => andWhatItStored(deps, store.deleteNamespace(name)),
    tail: async (name, { since = 0, waitMs = 0 } = {}) => {
      const { events, next } = await store.tail(name, since, waitMs);
      return { events: events.map((event) => ({ ...event })), next };
    },
  };
}

/** What functions that are gone have stored in their objects; what could not be deleted is, with the next one. */
async function andWhatItStored<T>({ store, engine }: FunctionsDeps, deleting: Promise<T>): Promise<T> {
  const deleted = await deleting;
  for (const leaving of await store.leavingHomes()) {
    await engine.forgetHome(leaving);
    await store.homeLeft(leaving.home);
  }
  return deleted;
}

/** The same to change it. What requests are sent with is, as the rules that send it, never for code to say. @throws DoError */
function changedOwnerOf({ isGuest }: FunctionsDeps["caller"], of: OfSecret | undefined): string {
  if (isGuest && of?.egress) {
    throw new DoError("PERMISSION_DENIED", "Cannot change a secret of egress rules: code itself may not", { reason: "NOT_FOR_CODE" });
  }
  return ownerOf(of);
}

/** Of a function, of egress rules alone, or of all of the tenant's. */
function ownerOf({ function: name, egress }: OfSecret = {}): string {
  return egress ? FOR_EGRESS : (name ?? "");
}

async function deploy({ store, packages, engine, caller, now }: FunctionsDeps, name: string, upload: Upload) {
  const sent = filesOf(upload);
  const settings = settingsOf(upload, caller);
  await checkOutbound(store, name, settings);
  const needed = await packages.gather(importedNames(sent.files));
  const bundled = await engine.bundle({ ...sent, ...needed, files: [...sent.files, ...Object.entries(needed.files)] });
  const { code, map } = checkBundle(bundled, sent);
  const source = JSON.stringify(sent);
  const id = `ver_${sha256(source, code, JSON.stringify(settings)).slice(0, 32)}`;
  const isKept = await store.hasVersion(name, id);
  const entrypoints = isKept ? [] : checkEntrypoints(await engine.describe(code, map, settings), settings);
  const version = { id, createdBy: caller.id, message: upload.message, settings, entrypoints, code, map, source };
  const { tags, public: isPublic, live = true, message, idempotencyKey } = upload;
  const changes = { tags, isPublic, secrets: secretsOf(upload) };
  const key = onceKey(idempotencyKey, "deploy", [name, id, tags, isPublic, live], caller.id);
  return store.deploy(name, id, isKept ? undefined : version, changes, live ? { by: caller.id, message } : undefined, now(), key);
}

/** What the version holds. Nobody hands on what they do not have. */
function settingsOf({ bindings = [], limits = {}, egress, permissions }: Upload, caller: FunctionsDeps["caller"]): Settings {
  const [missing] = beyond(caller.scopes, [...(permissions ?? []), ...bindings.flatMap(scopesOf)]);
  if (missing !== undefined) {
    throw new DoError("PERMISSION_DENIED", `Cannot deploy with ${missing}: who deploys does not have it`, {
      reason: "MISSING_SCOPE",
      details: { scope: missing },
    });
  }
  checkLimits(limits as Partial<Limits>, caller);
  checkNames(bindings);
  return {
    permissions: permissions ?? caller.codeScopes,
    tier: caller.tier,
    limits: limits as Partial<Limits>,
    bindings: bindings.filter((binding): binding is Binding & SentBinding => binding.type !== "secret_text"),
    ...(egress === undefined ? {} : { egress }),
  };
}

/** What code that holds the binding can do, and who deploys it must be able to. */
function scopesOf(binding: SentBinding): string[] {
  if (binding.type === "dispatch_namespace") {
    const targets = [`${binding.namespace}/*`, ...(binding.outbound ? [binding.outbound.worker.service] : [])];
    return targets.map((target) => `gateway:write:invoke/${target}`);
  }
  const other = binding.type === "durable_object_namespace" ? binding.script_name : undefined;
  return other === undefined ? [] : [`gateway:write:invoke/${other}`];
}

/** An outbound Worker must be there before what it watches over. @throws DoError UNPROCESSABLE */
async function checkOutbound(store: FunctionsDeps["store"], name: string, { bindings }: Settings): Promise<void> {
  for (const binding of bindings) {
    const service = binding.type === "dispatch_namespace" ? binding.outbound?.worker.service : undefined;
    if (service === undefined) continue;
    if (service === name) throw noOutbound(binding.name, `${name} cannot be its own: it would call itself`);
    // oxlint-disable-next-line no-await-in-loop -- there is one of them, as a rule
    if (!(await store.has(service))) throw noOutbound(binding.name, `there is no function "${service}"`);
  }
}

function noOutbound(binding: string, why: string): DoError {
  return new DoError("UNPROCESSABLE", `Cannot deploy: the outbound Worker of ${binding}: ${why}`, { reason: "NO_OUTBOUND" });
}

function secretsOf({ bindings = [], secrets = {} }: Upload): Record<string, string> {
  const bound = bindings.flatMap((binding) => (binding.type === "secret_text" ? [[binding.name, binding.text] as const] : []));
  return { ...Object.fromEntries(bound), ...secrets };
}

function checkNames(bindings: readonly SentBinding[]): void {
  const names = bindings.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DoError("INVALID_ARGUMENT", `Cannot deploy: two bindings have the name ${twice}`);
}

function checkLimits(limits: Partial<Limits>, { tier, limits: ofTier }: FunctionsDeps["caller"]): void {
  for (const [name, asked] of Object.entries(limits)) {
    const most = name === "wallMs" ? ofTier.wallMsMost : ofTier.limits[name as keyof Limits];
    if (asked <= most) continue;
    throw new DoError("LIMIT_EXCEEDED", `Cannot deploy: limits.${name} must be at most ${most} in tier "${tier}", got ${asked}`, {
      reason: "LIMIT_TOO_LARGE",
      retryable: false,
      details: { most },
    });
  }
}

function checkBundle(bundled: Bundled, { mainModule }: Files): { code: string; map: string } {
  if (!("code" in bundled)) {
    const { error, file = mainModule, line, column } = bundled;
    throw doesNotLoad(`${line === undefined ? "" : `${file}:${line}:${column}: `}${error}`, "BUILD_FAILED", { file, line, column });
  }
  const bytes = byteLength(bundled.code);
  if (bytes <= FUNCTION_LIMITS.moduleBytes) return bundled;
  throw new DoError(
    "TOO_LARGE",
    `Cannot deploy: with its packages the code must be at most ${FUNCTION_LIMITS.moduleBytes} bytes, got ${bytes}`,
  );
}

function checkEntrypoints(entrypoints: readonly EntrypointInfo[], { bindings }: Settings): readonly EntrypointInfo[] {
  const classes = entrypoints.filter(({ kind }) => kind === "durable").map(({ name }) => name);
  for (const binding of bindings) {
    if (binding.type !== "durable_object_namespace" || binding.script_name !== undefined || classes.includes(binding.class_name)) continue;
    const known = classes.join(", ") || "none";
    throw doesNotLoad(
      `${binding.name} binds the class "${binding.class_name}", and it exports ${known} that extends DurableObject`,
      "NO_ENTRYPOINT",
    );
  }
  if (entrypoints.length > 0) return entrypoints;
  throw doesNotLoad(
    "it exports nothing that can be called: `export default` a function, an object with fetch(), or a class that extends WorkerEntrypoint or DurableObject",
    "NO_ENTRYPOINT",
  );
}

/** Code that is refused; the live version stays. */
export function doesNotLoad(
  why: string,
  reason: string,
  at: { file?: string | undefined; line?: number | undefined; column?: number | undefined } = {},
): DoError {
  const details = Object.fromEntries(Object.entries(at).filter(([, value]) => value !== undefined));
  return new DoError("UNPROCESSABLE", `Cannot deploy: ${why}`, { reason, ...(Object.keys(details).length > 0 ? { details } : {}) });
}
