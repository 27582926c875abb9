import * as z from "zod";
import { SERVICES, type ExecuteRequest, type Limits, type ServiceName } from "../../../../sdk/src/types.ts";
import { encodeValue, ValueError, type ValueTypes } from "../../../../sdk/src/values.ts";
import { byteLength } from "../../../core-services/shared/hash.ts";
import { DoError, nearest } from "../errors.ts";
import type { Policy } from "../policy.ts";

/** An execute request that was checked: immutable, sized, within the policy. */
export interface Job {
  readonly code: string;
  readonly language: "ts" | "js";
  /** JSON text of the input; empty for none. */
  readonly input: string;
  readonly inputTypes: ValueTypes;
  readonly services: readonly ServiceName[];
  readonly limits: Limits;
  readonly cache: { readonly key: string; readonly ttlSeconds: number } | undefined;
  readonly captureConsole: boolean;
  readonly captureFetch: boolean;
  readonly idempotencyKey: string | undefined;
}

const Key = z.string().min(1, "must not be empty").max(255, "must be at most 255 characters");

export const EXECUTE_SHAPE = z.strictObject({
  code: z.string("must be a string"),
  language: z.enum(["ts", "js"]).optional(),
  input: z.unknown().optional(),
  services: z.array(z.enum(SERVICES)).max(SERVICES.length).optional(),
  timeoutMs: z.int().min(1, "must be at least 1").optional(),
  cacheKey: Key.optional(),
  cacheTtlSeconds: z.int().min(1).max(86_400).optional(),
  captureConsole: z.boolean().optional(),
  captureFetch: z.boolean().optional(),
  idempotencyKey: Key.optional(),
} satisfies Record<keyof ExecuteRequest, z.ZodType>);

const DEFAULT_CACHE_TTL_SECONDS = 300;

/**
 * An execute request from outside, as a Job. Sizes are checked before anything parses what they measure.
 * @throws DoError INVALID_ARGUMENT, TOO_LARGE, LIMIT_EXCEEDED or PERMISSION_DENIED, naming the member and what is allowed
 */
export function parseJob(sent: unknown, policy: Policy): Job {
  const request = parseShape(sent);
  const { limits } = policy;
  const codeBytes = byteLength(request.code);
  if (codeBytes > limits.codeBytes) {
    throw new DoError("TOO_LARGE", `Cannot run code: size must be at most ${limits.codeBytes} bytes, got ${codeBytes}`);
  }
  if (request.code.trim() === "") throw new DoError("INVALID_ARGUMENT", "Cannot run code: it is empty");
  if (request.cacheTtlSeconds !== undefined && request.cacheKey === undefined) {
    throw new DoError("INVALID_ARGUMENT", "Cannot run code: cacheTtlSeconds needs a cacheKey");
  }
  const { input, inputTypes } = encodeInput(request.input, limits.inputBytes);
  return Object.freeze({
    code: request.code,
    language: request.language ?? "ts",
    input,
    inputTypes,
    services: granted(request.services, policy),
    limits: Object.freeze({ ...limits, wallMs: wallMs(request.timeoutMs, policy) }),
    cache:
      request.cacheKey === undefined
        ? undefined
        : { key: request.cacheKey, ttlSeconds: request.cacheTtlSeconds ?? DEFAULT_CACHE_TTL_SECONDS },
    captureConsole: request.captureConsole ?? true,
    captureFetch: request.captureFetch ?? false,
    idempotencyKey: request.idempotencyKey,
  });
}

function parseShape(sent: unknown): z.infer<typeof EXECUTE_SHAPE> {
  const parsed = EXECUTE_SHAPE.safeParse(sent);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const meant = nearest(key, Object.keys(EXECUTE_SHAPE.shape));
    throw new DoError(
      "INVALID_ARGUMENT",
      `Cannot run code: there is no member "${key.slice(0, 64)}"${meant ? `; did you mean "${meant}"?` : ""}`,
    );
  }
  const path = issue?.path.join(".");
  throw new DoError("INVALID_ARGUMENT", `Cannot run code: ${path ? `${path}: ` : ""}${issue?.message ?? "the request is not valid"}`);
}

function encodeInput(input: unknown, maxBytes: number): { input: string; inputTypes: ValueTypes } {
  if (input === undefined) return { input: "", inputTypes: {} };
  try {
    const { value, types } = encodeValue(input, "input");
    const text = JSON.stringify(value);
    const bytes = byteLength(text) + (Object.keys(types).length > 0 ? byteLength(JSON.stringify(types)) : 0);
    if (bytes > maxBytes) throw new DoError("TOO_LARGE", `Cannot run code: input must be at most ${maxBytes} bytes, got ${bytes}`);
    return { input: text, inputTypes: types };
  } catch (error) {
    if (error instanceof ValueError) throw new DoError("INVALID_ARGUMENT", `Cannot run code: ${error.message}`);
    throw error;
  }
}

function granted(asked: readonly ServiceName[] | undefined, policy: Policy): readonly ServiceName[] {
  const beyond = asked?.find((service) => !policy.services.includes(service));
  if (beyond) {
    throw new DoError(
      "PERMISSION_DENIED",
      `Cannot run code with ${beyond}: tier "${policy.tier}" grants ${policy.services.join(", ") || "no services"}`,
      {
        reason: "SERVICE_NOT_GRANTED",
        details: { service: beyond },
      },
    );
  }
  return asked ? [...new Set(asked)] : policy.services;
}

function wallMs(asked: number | undefined, policy: Policy): number {
  if (asked === undefined) return policy.limits.wallMs;
  if (asked > policy.wallMsMost) {
    throw new DoError(
      "LIMIT_EXCEEDED",
      `Cannot run code: timeoutMs must be at most ${policy.wallMsMost} in tier "${policy.tier}", got ${asked}`,
      {
        reason: "TIMEOUT_TOO_LONG",
        retryable: false,
        details: { most: policy.wallMsMost },
      },
    );
  }
  return asked;
}
