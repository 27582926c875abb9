import * as z from "zod";
import { isScope } from "../../auth/scopes.ts";
import { defineMethod } from "../../shared/method.ts";
import { BindingName, FunctionName, NamespaceName, Tag, VersionId } from "../functions/names.ts";
import { OwnEgressRules } from "../egress/rules.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import { secretMethods, SecretValue } from "./secrets.ts";

const Time = z.iso.datetime();
const Limit = z.int().min(1).max(1_000).optional().meta({ description: "Default 100" });
const Cursor = z.string().max(256).optional();
const IdempotencyKey = z.string().min(1).max(255).optional();
const Message = z.string().max(500, "must be at most 500 characters").optional();
const Tags = z.array(Tag).max(FUNCTION_LIMITS.tags, `must be at most ${FUNCTION_LIMITS.tags}`);
const Count = z.int().min(1).max(1_000_000_000);

const Text = z.string().max(FUNCTION_LIMITS.bindingBytes, `must be at most ${FUNCTION_LIMITS.bindingBytes} characters`);
const Json = z.unknown().refine((value) => {
  const text = z.json().safeParse(value).success ? JSON.stringify(value) : undefined;
  return text !== undefined && text.length <= FUNCTION_LIMITS.bindingBytes;
}, `must be JSON of at most ${FUNCTION_LIMITS.bindingBytes} characters`);

/** The forms that Workers for Platforms has, as far as there is something here to bind. */
export const BINDING_TYPES = ["plain_text", "json", "secret_text", "dispatch_namespace", "durable_object_namespace"] as const;

/** In the shape of Workers for Platforms. */
export const OutboundBinding = z.strictObject({
  worker: z
    .strictObject({ service: FunctionName, entrypoint: z.string().min(1).max(128).optional() })
    .meta({ description: "The function whose fetch() answers the requests of what the dispatcher calls" }),
  params: z
    .array(z.strictObject({ name: BindingName }))
    .max(FUNCTION_LIMITS.outboundParams, `must be at most ${FUNCTION_LIMITS.outboundParams}`)
    .refine((params) => new Set(params.map(({ name }) => name)).size === params.length, "names must differ")
    .optional()
    .meta({ description: "Names that the dispatcher may give values for; they are in its env" }),
});

const SentBinding = z.discriminatedUnion(
  "type",
  [
    z.strictObject({ type: z.literal("plain_text"), name: BindingName, text: Text }),
    z.strictObject({ type: z.literal("json"), name: BindingName, json: Json }),
    z.strictObject({ type: z.literal("secret_text"), name: BindingName, text: SecretValue }),
    z.strictObject({
      type: z.literal("durable_object_namespace"),
      name: BindingName,
      class_name: z.string().min(1).max(128),
      script_name: FunctionName.optional().meta({ description: "The function whose class it is, when it is another one" }),
    }),
    z.strictObject({
      type: z.literal("dispatch_namespace"),
      name: BindingName,
      namespace: NamespaceName,
      outbound: OutboundBinding.optional(),
    }),
  ],
  `must be one of ${BINDING_TYPES.join(", ")}`,
);
export type SentBinding = z.infer<typeof SentBinding>;

const Limits = z
  .strictObject({ wallMs: Count, cpuMs: Count, memoryMb: Count, calls: Count, inputBytes: Count, resultBytes: Count, logBytes: Count })
  .partial()
  .meta({ description: "Less than the tier gives; what is not named is the tier's" });

const Upload = z.strictObject({
  code: z.string().optional().meta({ description: "One module with a default export" }),
  language: z.enum(["ts", "js"]).optional().meta({ description: "Of code; default ts" }),
  modules: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: "Files by their path; they may import each other, and packages of the store" }),
  mainModule: z.string().max(200).optional().meta({ description: "Of modules, the one whose exports are called" }),
  bindings: z.array(SentBinding).max(FUNCTION_LIMITS.bindings, `must be at most ${FUNCTION_LIMITS.bindings}`).optional(),
  secrets: z.record(BindingName, SecretValue).optional().meta({ description: "Set in the same step; they are kept for later versions" }),
  limits: Limits.optional(),
  egress: OwnEgressRules.optional().meta({
    description: "What its code may reach of what the tenant's egress rules allow; default: all of it",
  }),
  permissions: z
    .array(z.string().refine(isScope, "must be a scope, as db:read:orders/*"))
    .max(100)
    .optional()
    .meta({ description: "The rights of the code; default: those that code of the caller has" }),
  tags: Tags.optional(),
  public: z.boolean().optional().meta({ description: "Whether /fn answers anybody; default false for a new function" }),
  message: Message,
  live: z.boolean().optional().meta({ description: "Default true; false keeps the version, and the live one stays" }),
  idempotencyKey: IdempotencyKey,
});
export type Upload = z.infer<typeof Upload>;

const Share = z.strictObject({ version: VersionId, percentage: z.number().min(0).max(100).multipleOf(0.01, "must be a multiple of 0.01") });
const Shares = z
  .array(Share)
  .min(1)
  .max(10, "must be at most 10 versions")
  .refine(
    (shares) => Math.abs(shares.reduce((sum, { percentage }) => sum + percentage, 0) - 100) < 0.001,
    "percentages must be 100 together",
  )
  .refine((shares) => new Set(shares.map(({ version }) => version)).size === shares.length, "versions must differ");

const Deployment = z.object({
  id: z.string(),
  createdAt: Time,
  createdBy: z.string(),
  message: z.string().optional(),
  shares: z.array(z.object({ version: VersionId, percentage: z.number() })),
});

const FunctionInfo = z.object({
  name: z.string(),
  createdAt: Time,
  updatedAt: Time,
  public: z.boolean(),
  tags: z.array(z.string()),
  deployment: Deployment.optional(),
});

const Entrypoint = z.object({ name: z.string(), kind: z.enum(["function", "worker", "durable"]), methods: z.array(z.string()) });

const VersionInfo = z.object({
  id: VersionId,
  createdAt: Time,
  createdBy: z.string(),
  message: z.string().optional(),
  settings: z.object({
    permissions: z.array(z.string()),
    tier: z.string(),
    limits: z.record(z.string(), z.number()),
    bindings: z.array(z.record(z.string(), z.unknown())),
    egress: z.unknown().optional(),
  }),
  entrypoints: z.array(Entrypoint),
  codeBytes: z.int(),
});

const Namespace = z.object({ name: z.string(), id: z.string(), createdAt: Time });

const CallOptions = z.strictObject({
  entrypoint: z.string().min(1).max(128).optional().meta({ description: "A named export; default `default`" }),
  version: VersionId.optional().meta({ description: "A version of the live deployment, also one of 0 %" }),
  stickyKey: z.string().min(1).max(256).optional().meta({ description: "Equal keys get the same version of a deployment" }),
  timeoutMs: Count.optional().meta({ description: "Less time than the function has by itself" }),
});

const ObjectName = z
  .string()
  .min(1, "must not be empty")
  .max(FUNCTION_LIMITS.objectNameCharacters, `must be at most ${FUNCTION_LIMITS.objectNameCharacters} characters`)
  .refine((name) => name.isWellFormed() && !name.includes("\0"), "must be well-formed text without NUL");
const ClassName = z.string().min(1).max(128).optional().meta({ description: "Which class; not needed when there is only one" });

const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), cursor: z.string().optional() });
const ofFunction = ([name]: readonly unknown[]) => `functions/${String(name)}`;
const toInvoke = ([name]: readonly unknown[]) => `invoke/${String(name)}`;
/** A scope for the functions of a namespace is one for its beginning. */
const inNamespace = (namespace: string | undefined) => `functions/${namespace === undefined ? "" : `${namespace}/`}`;

export const functionMethods = {
  deploy: defineMethod({
    summary: "Saves code under a name: a version that never changes. It is loaded once to see that it can be; then it answers",
    access: "write",
    params: [
      ["name", FunctionName],
      ["upload", Upload],
    ],
    result: z.object({
      function: FunctionInfo,
      version: VersionId,
      created: z.boolean().meta({ description: "False for code that was saved before" }),
    }),
    resource: ofFunction,
  }),
  listFunctions: defineMethod({
    summary: "The tenant's functions, by name",
    access: "read",
    params: [
      ["options", z.strictObject({ namespace: NamespaceName.optional(), tag: Tag.optional(), limit: Limit, cursor: Cursor }).optional()],
    ],
    result: page(FunctionInfo),
    resource: ([options]) => inNamespace((options as { namespace?: string } | undefined)?.namespace),
  }),
  getFunction: defineMethod({
    summary: "One function: its live versions, tags, whether it is public",
    access: "read",
    params: [["name", FunctionName]],
    result: FunctionInfo,
    resource: ofFunction,
  }),
  updateFunction: defineMethod({
    summary: "Changes what is no part of a version: tags, whether it is public",
    access: "write",
    params: [
      ["name", FunctionName],
      ["changes", z.strictObject({ tags: Tags.optional(), public: z.boolean().optional() })],
    ],
    result: FunctionInfo,
    resource: ofFunction,
  }),
  deleteFunction: defineMethod({
    summary: "Deletes a function with its versions, secrets and objects",
    access: "write",
    params: [["name", FunctionName]],
    result: z.object({ deleted: z.boolean() }),
    resource: ofFunction,
  }),
  deleteFunctions: defineMethod({
    summary: "Deletes all functions with a tag",
    access: "write",
    params: [["filter", z.strictObject({ tag: Tag, namespace: NamespaceName.optional() })]],
    result: z.object({ deleted: z.array(z.string()) }),
    resource: ([filter]) => inNamespace((filter as { namespace?: string }).namespace),
  }),
  listVersions: defineMethod({
    summary: "The versions of a function, newest first",
    access: "read",
    params: [
      ["name", FunctionName],
      ["options", z.strictObject({ limit: Limit, cursor: Cursor }).optional()],
    ],
    result: page(VersionInfo),
    resource: ofFunction,
  }),
  getVersion: defineMethod({
    summary: "One version, with the files that it was made of",
    access: "read",
    params: [
      ["name", FunctionName],
      ["version", VersionId],
    ],
    result: VersionInfo.extend({ files: z.record(z.string(), z.string()), mainModule: z.string() }),
    resource: ofFunction,
  }),
  setDeployment: defineMethod({
    summary: "Says which versions answer, each with its percentage: 0 for one that only who names it gets",
    access: "write",
    params: [
      ["name", FunctionName],
      ["shares", Shares],
      ["options", z.strictObject({ message: Message }).optional()],
    ],
    result: Deployment,
    resource: ofFunction,
  }),
  listDeployments: defineMethod({
    summary: "The last 50 deployments of a function, newest first",
    access: "read",
    params: [["name", FunctionName]],
    result: z.object({ items: z.array(Deployment) }),
    resource: ofFunction,
  }),
  rollback: defineMethod({
    summary: "Back to what answered before, or to one version",
    access: "write",
    params: [
      ["name", FunctionName],
      ["options", z.strictObject({ to: VersionId.optional(), message: Message }).optional()],
    ],
    result: Deployment,
    resource: ofFunction,
  }),
  invoke: defineMethod({
    summary: "Calls a function with an input; a Worker gets it as a request { url, method, headers, body }",
    access: "write",
    params: [
      ["name", FunctionName],
      ["input", z.unknown()],
      ["options", CallOptions.optional()],
    ],
    result: z.unknown(),
    resource: toInvoke,
  }),
  call: defineMethod({
    summary: "Calls a method of a function's entrypoint; also as function(name).method(...)",
    access: "write",
    params: [
      ["name", FunctionName],
      ["method", z.string().min(1).max(128)],
      ["args", z.array(z.unknown()).max(64).optional()],
      ["options", CallOptions.optional()],
    ],
    result: z.unknown(),
    resource: toInvoke,
  }),
  callObject: defineMethod({
    summary:
      "Calls a method of an object of a function, which is made by being called and keeps what it stores; also as object(name, object).method(...). fetch takes { url, method, headers, body }",
    access: "write",
    params: [
      ["name", FunctionName],
      ["object", ObjectName],
      ["method", z.string().min(1).max(128)],
      ["args", z.array(z.unknown()).max(64).optional()],
      ["options", z.strictObject({ entrypoint: ClassName, timeoutMs: Count.optional() }).optional()],
    ],
    result: z.unknown(),
    resource: toInvoke,
  }),
  listObjects: defineMethod({
    summary: "The objects of a function, by class and name",
    access: "read",
    params: [
      ["name", FunctionName],
      ["options", z.strictObject({ entrypoint: ClassName, limit: Limit, cursor: z.string().max(4_096).optional() }).optional()],
    ],
    result: page(z.object({ name: z.string(), entrypoint: z.string(), createdAt: Time })),
    resource: ofFunction,
  }),
  deleteObject: defineMethod({
    summary: "Deletes an object with all that it has stored",
    access: "write",
    params: [
      ["name", FunctionName],
      ["object", ObjectName],
      ["options", z.strictObject({ entrypoint: z.string().min(1).max(128) })],
    ],
    result: z.object({ deleted: z.boolean() }),
    resource: ofFunction,
  }),
  ...secretMethods,
  createNamespace: defineMethod({
    summary: "Makes a namespace; a function that is deployed to one makes it, too",
    access: "write",
    params: [["name", NamespaceName]],
    result: Namespace,
    resource: ([name]) => inNamespace(String(name)),
  }),
  listNamespaces: defineMethod({
    summary: "The namespaces, each with how many functions it has",
    access: "read",
    params: [],
    result: z.object({ items: z.array(Namespace.extend({ functions: z.int() })) }),
    resource: () => inNamespace(undefined),
  }),
  deleteNamespace: defineMethod({
    summary: "Deletes a namespace with all that is in it",
    access: "write",
    params: [["name", NamespaceName]],
    result: z.object({ deleted: z.boolean() }),
    resource: ([name]) => inNamespace(String(name)),
  }),
  tail: defineMethod({
    summary: "The calls of a function as they end, with what they logged: those since a cursor, or the next within a wait",
    access: "read",
    params: [
      ["name", FunctionName],
      ["options", z.strictObject({ since: z.int().min(0).optional(), waitMs: z.int().min(0).max(25_000).optional() }).optional()],
    ],
    result: z.object({ events: z.array(z.record(z.string(), z.unknown())), next: z.int() }),
    resource: ofFunction,
  }),
};
