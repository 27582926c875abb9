import * as z from "zod";
import type { FunctionDeployment, FunctionInfo, FunctionVersion, Upload } from "../../../../../../sdk/src/gateway.ts";
import { DoError } from "../../../errors.ts";
import { checkMigrations } from "./migrations.ts";
import type { Sent } from "./upload.ts";

/** Between the shapes of Workers for Platforms and ours. What is not named here is not looked at: dates and flags are the host's. */
const Metadata = z.object({
  main_module: z.string().optional(),
  body_part: z.string().optional(),
  bindings: z.array(z.record(z.string(), z.unknown())).optional(),
  keep_bindings: z.array(z.string()).optional(),
  tags: z.array(z.string()).optional(),
  limits: z.object({ cpu_ms: z.coerce.number().optional(), subrequests: z.coerce.number().optional() }).optional(),
  migrations: z.unknown().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** The annotation that is the message of a version, and of a deployment. */
const MESSAGE = "workers/message";

export function uploadOf({ fields, files }: Sent): Upload {
  const { main_module, body_part, bindings, tags, limits, migrations, annotations } = parsed(fields["metadata"] ?? {});
  if (body_part !== undefined) throw new DoError("UNSUPPORTED", "Only modules can be uploaded: name the main one in main_module");
  checkMigrations(migrations);
  const { [MESSAGE]: message, ...said } = annotations ?? {};
  return {
    modules: { ...files },
    ...(main_module === undefined ? {} : { mainModule: main_module }),
    // What they are is checked by gateway.deploy.
    ...(bindings === undefined ? {} : { bindings: bindings as Upload["bindings"] }),
    ...(tags === undefined ? {} : { tags }),
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
    ...(message === undefined ? {} : { message }),
    ...(Object.keys(said).length === 0 ? {} : { annotations: said }),
  };
}

export function settingsOf({ fields }: Sent): Pick<Upload, "bindings" | "tags" | "limits"> {
  const { bindings, tags, limits } = parsed(fields["settings"] ?? {});
  return {
    ...(bindings === undefined ? {} : { bindings: bindings as Upload["bindings"] }),
    ...(tags === undefined ? {} : { tags }),
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
  };
}

function parsed(sent: unknown): z.infer<typeof Metadata> {
  const metadata = Metadata.safeParse(sent);
  if (metadata.success) return metadata.data;
  const [issue] = metadata.error.issues;
  throw new DoError("INVALID_ARGUMENT", `metadata: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not valid"}`);
}

function limitsOf({ cpu_ms, subrequests }: { cpu_ms?: number | undefined; subrequests?: number | undefined }): Upload["limits"] {
  return { ...(cpu_ms === undefined ? {} : { cpuMs: cpu_ms }), ...(subrequests === undefined ? {} : { calls: subrequests }) };
}

/** Types of bindings of the version before that are to be in this one. */
export function keptTypesOf({ fields }: Sent, field: "metadata" | "settings"): readonly string[] {
  return parsed(fields[field] ?? {}).keep_bindings ?? [];
}

/** A function of a namespace is a script by its name alone. */
export function scriptName({ name }: FunctionInfo): string {
  return name.split("/").at(-1) ?? name;
}

export function scriptOf(info: FunctionInfo): Record<string, unknown> {
  return {
    id: scriptName(info),
    tags: info.tags,
    created_on: info.createdAt,
    modified_on: info.updatedAt,
    etag: liveOf(info),
    has_modules: true,
    has_assets: false,
    startup_time_ms: 0,
    handlers: ["fetch"],
    usage_model: "standard",
  };
}

export function versionOf({ id, createdAt, createdBy, message, annotations: said }: FunctionVersion): Record<string, unknown> {
  const annotations = { ...said, ...(message === undefined ? {} : { [MESSAGE]: message }) };
  return { id, version_id: id, metadata: { created_on: createdAt, author_id: createdBy, source: "api" }, annotations };
}

export function deploymentOf({ id, createdAt, createdBy, message, shares }: FunctionDeployment): Record<string, unknown> {
  return {
    id,
    created_on: createdAt,
    author_email: createdBy,
    source: "api",
    strategy: "percentage",
    versions: shares.map(({ version, percentage }) => ({ version_id: version, percentage })),
    annotations: message === undefined ? {} : { [MESSAGE]: message },
  };
}

export function namespaceOf(namespace: {
  name: string;
  id: string;
  createdAt: string;
  functions?: number | undefined;
}): Record<string, unknown> {
  const { name, id, createdAt, functions = 0 } = namespace;
  return {
    namespace_id: id,
    namespace_name: name,
    script_count: functions,
    created_on: createdAt,
    modified_on: createdAt,
    trusted_workers: false,
  };
}

export function liveOf({ deployment }: FunctionInfo): string {
  return deployment?.shares[0]?.version ?? "";
}

/** `a:yes,b:no`: those that have one and have not the other. */
export function tagFilter(text: string | undefined): { with: string[]; without: string[] } | undefined {
  if (text === undefined) return undefined;
  const filters = text.split(",").map((one) => /^(.{1,128}):(yes|no)$/.exec(one.trim()));
  if (filters.some((filter) => filter === null)) throw new DoError("INVALID_ARGUMENT", 'tags must be as "customer-1:yes,beta:no"');
  const named = (wanted: string) => filters.flatMap((filter) => (filter?.[2] === wanted && filter[1] !== undefined ? [filter[1]] : []));
  return { with: named("yes"), without: named("no") };
}
