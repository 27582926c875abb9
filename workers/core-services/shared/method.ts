import * as z from "zod";
import { DoError } from "../../../sdk/src/errors.ts";
import type { ServiceName } from "../../../sdk/src/types.ts";

/** `manage` is what can change what others may do, or take everything along. */
export type Access = "read" | "write" | "manage";

/** A named, ordered parameter. */
export type Parameter = readonly [name: string, shape: z.ZodType];

/**
 * One method of a service, written once. From it come the RPC method, `POST /rpc/:service/:method`, its OpenAPI
 * operation, and what `capabilities.ts` checks before the method runs.
 */
export interface MethodDefinition<P extends readonly Parameter[] = readonly Parameter[], R extends z.ZodType = z.ZodType> {
  readonly summary: string;
  /** The action part of the scope. What only reads may be asked again by whoever lost the answer. */
  readonly access: Access;
  /** For a method whose arguments decide, from parsed ones; `access` is then the most that it may be. */
  readonly accessOf?: (args: readonly unknown[]) => Access;
  readonly params: P;
  readonly result: R;
  /** The resource part of the scope, from parsed arguments, or several that must all be granted; without it the whole service. */
  readonly resource?: (args: readonly unknown[]) => string | readonly string[];
  /** Needs no scope: what it answers depends on the caller alone, or a credential is among its arguments. */
  readonly open?: true;
}

export interface ServiceDefinition<M extends Record<string, MethodDefinition> = Record<string, MethodDefinition>> {
  readonly name: ServiceName;
  readonly summary: string;
  readonly methods: M;
}

type ArgsOf<P extends readonly Parameter[]> = { -readonly [K in keyof P]: z.output<P[K][1]> };

/** The same arguments with those at the end left out that may be undefined. */
export type Sendable<T extends readonly unknown[]> = T extends readonly [...infer Head, infer Last]
  ? undefined extends Last
    ? Sendable<Head> | T
    : T
  : T;

/** What implements a service: a function for each method, with parsed arguments. */
export type Implementation<S extends ServiceDefinition> = {
  [K in keyof S["methods"]]: (...args: ArgsOf<S["methods"][K]["params"]>) => Promise<z.output<S["methods"][K]["result"]>>;
};

export function defineMethod<const P extends readonly Parameter[], R extends z.ZodType>(
  method: MethodDefinition<P, R>,
): MethodDefinition<P, R> {
  return method;
}

export function defineService<const M extends Record<string, MethodDefinition>>(service: ServiceDefinition<M>): ServiceDefinition<M> {
  return service;
}

/**
 * Arguments as a caller sent them, by position or by name, as the method's own types.
 * @throws DoError INVALID_ARGUMENT naming the parameter
 */
export function parseArguments(service: ServiceName, name: string, method: MethodDefinition, sent: unknown): unknown[] {
  const byPosition = Array.isArray(sent) ? (sent as unknown[]) : argumentsByName(service, name, method, sent);
  if (byPosition.length > method.params.length) {
    throw invalid(service, name, `takes at most ${method.params.length} arguments, got ${byPosition.length}`);
  }
  return method.params.map(([parameter, shape], i) => {
    const parsed = shape.safeParse(byPosition[i]);
    if (parsed.success) return parsed.data;
    const [first] = parsed.error.issues;
    const issue = first && mostTelling(first);
    const path = [parameter, ...(issue?.path ?? [])].join(".");
    throw invalid(service, name, `${path}: ${issue?.message ?? "is not valid"}`);
  });
}

/**
 * Of a value that is none of several: what is wrong with the one that it comes nearest to, which is told the deepest.
 * A form with members that are unknown to it is not near.
 */
function mostTelling(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code === "invalid_key") return { ...(issue.issues[0] ?? issue), path: issue.path };
  if (issue.code !== "invalid_union") return issue;
  const near = issue.errors.filter((form) => !form.some(({ code, path }) => code === "unrecognized_keys" && path.length === 0));
  const inner = near.flat().map((error) => mostTelling({ ...error, path: [...issue.path, ...error.path] }));
  return inner.reduce<z.core.$ZodIssue>((best, error) => (error.path.length > best.path.length ? error : best), issue);
}

function argumentsByName(service: ServiceName, name: string, method: MethodDefinition, sent: unknown): unknown[] {
  if (typeof sent !== "object" || sent === null) {
    throw invalid(service, name, "params must be an array or an object");
  }
  const known = method.params.map(([parameter]) => parameter);
  const unknown = Object.keys(sent).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw invalid(service, name, `has no parameter "${unknown}"; it has ${known.join(", ")}`);
  }
  return known.map((key) => (Object.hasOwn(sent, key) ? (sent as Record<string, unknown>)[key] : undefined));
}

function invalid(service: ServiceName, method: string, problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot call ${service}.${method}: ${problem}`);
}
