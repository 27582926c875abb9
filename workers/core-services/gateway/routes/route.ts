import * as z from "zod";
import { FunctionName } from "../functions/names.ts";
import { HOP_BY_HOP } from "../egress/headers.ts";
import { HeaderName, HeaderValue } from "../egress/rules.ts";
import { Cors } from "./cors.ts";
import { ROUTE_METHODS } from "./methods.ts";
import { patternProblem } from "./pattern.ts";

/** A route as its owner writes it: what matches, where it goes, and what is done on bad days. */

export const RouteName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "must be a to z, 0 to 9, ., _ and -, at most 63");

const HOST = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/;
export const HostPattern = z
  .string()
  .max(253)
  .transform((host) => host.toLowerCase())
  .refine((host) => HOST.test(host), "must be a host's name, as api.example.com or *.example.com");

const PathPattern = z.string().superRefine((pattern, context) => {
  const message = patternProblem(pattern);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

export const Match = z.strictObject({
  host: HostPattern.optional(),
  path: PathPattern,
  methods: z.array(z.enum(ROUTE_METHODS)).min(1).max(ROUTE_METHODS.length).optional(),
  headers: z
    .record(HeaderName, z.union([z.strictObject({ exact: HeaderValue }), z.strictObject({ present: z.literal(true) })]))
    .refine((headers) => Object.keys(headers).length <= 8, "must be at most 8")
    .optional(),
});

const CUSTOMER = "{customer}";

const FunctionTarget = z.strictObject({ function: FunctionName });
const CustomerTarget = z.strictObject({
  function: z
    .string()
    .refine(
      (name) => name.split(CUSTOMER).length === 2 && FunctionName.safeParse(name.replace(CUSTOMER, "x")).success,
      `must have ${CUSTOMER} in it, once`,
    ),
  customer: z.union([
    z.strictObject({ from: z.literal("header"), name: HeaderName }),
    z.strictObject({ from: z.literal("subdomain") }),
    z.strictObject({ from: z.literal("claim"), name: z.string().min(1).max(64) }),
  ]),
});
const ServiceTarget = z.strictObject({
  service: z.enum(["db", "queue", "schedule", "email", "webhooks", "mcp"]),
  method: z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/),
  params: z.array(z.unknown()).max(16).optional(),
});
const UpstreamTarget = z.strictObject({ url: z.string().max(2_048) });
const Answer = z.strictObject({
  status: z.int().min(200).max(599).optional(),
  headers: z.record(HeaderName, HeaderValue).optional(),
  json: z.unknown(),
});
const StaticTarget = z.strictObject({ response: Answer });

export const Target = z.union([UpstreamTarget, FunctionTarget, CustomerTarget, ServiceTarget, StaticTarget]);

const settable = HeaderName.refine(
  (name) => !HOP_BY_HOP.includes(name) && name !== "host" && !/^(?:x-)?do-/.test(name),
  "is a header that do itself sets",
);
const HeaderChanges = z.strictObject({
  set: z.record(settable, HeaderValue).optional(),
  remove: z.array(settable).max(32).optional(),
});

const Milliseconds = (most: number) => z.int().min(1).max(most);

export const RouteSpec = z.strictObject({
  match: Match,
  target: Target,
  /** Among routes that match, the highest first. */
  priority: z.int().min(-1_000).max(1_000).optional(),
  /** `tenant`, the default: a credential of this tenant that holds `gateway:read:routes/<name>` (or `write`, by method). */
  auth: z.enum(["tenant", "none"]).optional(),
  /** Requests admitted in a window, counted by who asks. */
  rateLimit: z
    .strictObject({
      limit: z.int().min(1).max(1_000_000),
      windowMs: z.int().min(1_000).max(86_400_000),
      by: z.union([z.enum(["all", "address", "principal"]), z.strictObject({ header: HeaderName })]).optional(),
    })
    .optional(),
  /** Pages of which other origins may use it; without it what the target says of that is passed on. */
  cors: Cors.optional(),
  transform: z.strictObject({ request: HeaderChanges.optional(), response: HeaderChanges.optional() }).optional(),
  /** Until an answer, all tries together. */
  timeoutMs: Milliseconds(120_000).optional(),
  retry: z
    .strictObject({
      /** In all. */
      attempts: z.int().min(2).max(5),
      /** Of one try. */
      tryMs: Milliseconds(120_000).optional(),
      /** Before the first retry; then twice as long each time, with up to half of it more. */
      backoffMs: z.int().min(0).max(10_000).optional(),
    })
    .optional(),
  /** After so many failures in a row its target is not asked for a while, then by one request. `false`: never. */
  circuit: z
    .union([z.literal(false), z.strictObject({ failures: z.int().min(1).max(1_000).optional(), openMs: Milliseconds(600_000).optional() })])
    .optional(),
  /** Requests to its target at a time. */
  concurrent: z.int().min(1).max(1_000).optional(),
  /** What is answered instead of a failure. */
  fallback: z.union([StaticTarget, z.strictObject({ target: z.union([UpstreamTarget, FunctionTarget]) })]).optional(),
  /** Answers are kept and answered again, as RFC 9111 allows it. */
  cache: z
    .strictObject({
      /** For answers that do not say how long they are fresh. */
      ttlSeconds: z.int().min(1).max(31_536_000).optional(),
      /** How long after that an answer may stand in for a failure, where it does not say so. */
      staleIfErrorSeconds: z.int().min(1).max(31_536_000).optional(),
      tags: z
        .array(z.string().regex(/^[\x21-\x2b\x2d-\x7e]{1,128}$/, "must be printable, without space and comma"))
        .max(16)
        .optional(),
    })
    .optional(),
  /** Callers see JSON and nothing else, whatever the target does. */
  json: z.literal("required").optional(),
});

export type RouteSpec = z.output<typeof RouteSpec>;
export type RouteTarget = z.output<typeof Target>;
export type HeaderChanges = z.output<typeof HeaderChanges>;

/** A route as it is kept. */
export interface Route extends RouteSpec {
  readonly name: string;
}

export const DEFAULT_TIMEOUT_MS = 10_000;

/** What a target is called, in headers and for its circuit: without what differs from request to request. */
export function targetName(target: RouteTarget): string {
  if ("url" in target) return `upstream:${new URL(target.url.replaceAll(/\{\w+\}/g, "x")).host}`;
  if ("service" in target) return `service:${target.service}.${target.method}`;
  if ("response" in target) return "static";
  return `function:${target.function}`;
}
