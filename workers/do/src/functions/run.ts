import { RpcTarget } from "cloudflare:workers";
import type { CapturedRequest, Limits } from "../../../../sdk/src/types.ts";
import { decodeValue } from "../../../../sdk/src/values.ts";
import { configOf } from "../../../core-services/auth/config.ts";
import { realmOf } from "../../../core-services/auth/realm.ts";
import type { Live } from "../../../core-services/gateway/functions/engine.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { principalIdOf } from "../../../core-services/gateway/functions/names.ts";
import { sha256 } from "../../../core-services/shared/hash.ts";
import { newId } from "../../../core-services/shared/ids.ts";
import type { Authority, Via } from "../capabilities.ts";
import type { BeginEntry } from "../executions/schema.ts";
import { hasFailed, works, writeLater } from "../executions/unwritten.ts";
import { DoError } from "../errors.ts";
import { Control, execute, SILENT, type ExecuteDeps, type Parent } from "../executor/execute.ts";
import type { FunctionProgram, Report } from "../executor/executor.ts";
import { FUNCTION_HARNESS_MODULE } from "../executor/guest.generated.ts";
import type { FunctionCall } from "../executor/guest/function-protocol.ts";
import { GuestSurface } from "../executor/guest-surface.ts";
import { ExecutionNetwork, wayOutOfTenant } from "../executor/network.ts";
import type { Conclusion } from "../executor/outcome.ts";
import { Recording } from "../executor/recording.ts";
import { Run, type Attempt, type RunRecord } from "../executor/run.ts";
import { policy as policyOf, within, type Policy } from "../policy.ts";
import type { Principal } from "../principal.ts";
import { endedError } from "./endings.ts";
import { Engine } from "./engine.ts";
import { dispatchTo } from "./dispatcher.ts";
import { homeKeyOf, objectKeyOf } from "./object-keys.ts";
import { askObject } from "./objects.ts";
import { FunctionRunHost, type FunctionResponse } from "./host.ts";
import { Positions } from "./positions.ts";
import { Redactor } from "./redact.ts";

/** One call of a function that was found. */
export interface FunctionRun {
  readonly tenant: string;
  readonly live: Live;
  readonly call: FunctionCall;
  readonly body: ReadableStream<Uint8Array> | null;
  /** What `ctx.props` is. */
  readonly props: unknown;
  /** Less than the function's own. */
  readonly limits: Partial<Limits>;
  readonly via: Via;
  /** Ends the call where it is. */
  readonly signal?: AbortSignal | undefined;
  /** The object that is called, when it is one. */
  readonly object?: CalledObject | undefined;
  /** How the call shows in the records. */
  readonly label: string;
  readonly onResponse: (response: FunctionResponse, executionId: string) => void;
}

/** An object of a function: of which class, by which name, and where what it stores is kept. */
export interface CalledObject {
  readonly entrypoint: string;
  readonly name: string;
  readonly home: string;
}

/** How it ended. */
export interface FunctionEnd {
  readonly executionId: string;
  readonly conclusion: Conclusion;
  /** Throws what a caller gets for an end that is not `ok`. */
  readonly check: () => Extract<Conclusion, { outcome: "ok" }>;
}

const MOST_WAIT_MS = 60_000;

/**
 * Runs one call of a function as what the function is: a principal of its own, with the rights that it was deployed with.
 * It is an execution like any other, with limits, calls, logs and a record.
 */
export async function runFunction(deps: ExecuteDeps, run: FunctionRun, parent: Parent | undefined): Promise<FunctionEnd> {
  const called = nameOf(run);
  if (parent?.functions?.includes(called)) {
    throw new DoError("LIMIT_EXCEEDED", `Cannot call ${called}: it is being called by what it calls (${parent.functions.join(" > ")})`, {
      reason: "CALL_CYCLE",
      retryable: false,
    });
  }
  const policy = policyOfFunction(deps.env, run);
  const leave = await (parent ? enterBudget(parent, run) : takePlace(deps, run, policy));
  try {
    return await runWithin(deps, run, policy, parent);
  } finally {
    leave();
  }
}

/** Of what may not be called by what it calls: a function, or one object. */
function nameOf({ live, object }: Pick<FunctionRun, "live" | "object">): string {
  return object === undefined ? live.name : `${live.name} ${object.entrypoint}(${object.name})`;
}

/** Of objects the root's own code may ask as many as it likes at a time: some wait for the others. */
async function enterBudget({ run: { budget }, depth }: Parent, { object }: FunctionRun): Promise<() => void> {
  return object && depth === 0 ? budget.enterInTurn(depth + 1) : budget.enter(depth + 1);
}

async function takePlace({ env, now, waitUntil }: ExecuteDeps, { tenant, live }: FunctionRun, policy: Policy): Promise<() => void> {
  const { concurrent, tenantConcurrent, wallMsMost } = policy;
  const realm = realmOf(env, tenant);
  const place = await realm.acquire(principalIdOf(live.name), concurrent, tenantConcurrent, now() + wallMsMost, now());
  return () => waitUntil(realm.release(place));
}

/** The limits of one call. */
export function limitsOf(env: Cloudflare.Env, tenant: string, live: Live): Limits {
  return policyOfFunction(env, { tenant, live, limits: {} }).limits;
}

/** What the function's code may, and within which limits. */
function policyOfFunction(env: Cloudflare.Env, { tenant, live, limits }: Pick<FunctionRun, "tenant" | "live" | "limits">): Policy {
  const granted = within(policyOf(principalOf(tenant, live), configOf(env.DO_CONFIG).tiers), live.permissions);
  return { ...granted, limits: smaller(smaller({ ...granted.limits, wallMs: wallMsOf(granted, live) }, live.limits), limits) };
}

function wallMsOf(granted: Policy, live: Live): number {
  return live.limits.wallMs === undefined ? granted.limits.wallMs : granted.wallMsMost;
}

function smaller(limits: Limits, others: Partial<Limits>): Limits {
  const entries = Object.entries(others) as [keyof Limits, number | undefined][];
  return {
    ...limits,
    ...Object.fromEntries(entries.filter(([, n]) => n !== undefined).map(([name, n = 0]) => [name, Math.min(limits[name], n)])),
  };
}

function principalOf(tenant: string, { name, tier }: Live): Principal {
  return Object.freeze({ kind: "service", id: principalIdOf(name), tenant, tier });
}

async function runWithin(deps: ExecuteDeps, call: FunctionRun, policy: Policy, parent: Parent | undefined): Promise<FunctionEnd> {
  const { env, now, executor } = deps;
  const { tenant, live } = call;
  const principal = principalOf(tenant, live);
  const depth = parent ? parent.depth + 1 : 0;
  const leftMs = parent ? Math.max(1, parent.run.budget.deadlineMs - now()) : Number.POSITIVE_INFINITY;
  const limits = { ...policy.limits, wallMs: Math.min(policy.limits.wallMs, leftMs) };
  const id = newId("exec", now());
  const run = new Run(
    { job: { limits }, tier: policy.tier, now, onLog: () => {}, beforeCall: () => recording.begin() },
    parent?.run.budget,
  );
  const startedMs = now();
  const recording = new Recording(
    env.EXECUTIONS.getByName(tenant),
    () => beginEntry(id, call, principal, parent, startedMs, limits),
    () => new Control(run),
  );
  if (hasFailed(tenant)) {
    await recording.begin();
    works(tenant);
  }
  const warmId = warmIdOf(tenant, policy, live);
  const home = call.object && homeKeyOf(tenant, call.object.home);
  const objectKey = call.object && objectKeyOf(tenant, call.object.home, call.object);
  const enter = () => executor.enter({ executionId: id, tenant, depth, limits, warmId, home, objectKey });
  const place = await enter();
  recording.beginLater(() => run.stop("cancelled"));
  run.start();
  parent?.run.adopt(run);
  call.signal?.addEventListener("abort", () => run.stop("timeout"), { once: true });
  const self: Parent = { id, depth, run, functions: [...(parent?.functions ?? []), nameOf(call)] };
  const authority = authorityOf(deps, call, principal, policy, self);
  const network = networkOf(deps, call, run);
  const attempt = attemptOf(deps, call, { authority, limits, warmId, objectKey, self, network });
  const record = await run.execute(place, enter, attempt);
  network.close();
  return conclude(deps, call, id, { ...record, requests: network.requests }, recording);
}

/** Of what an isolate is kept under: nothing that another may not share. Secrets, variables and the time come with the call. */
function warmIdOf(tenant: string, policy: Policy, { codeHash }: Live): string {
  const kept = { ...policy, limits: { ...policy.limits, wallMs: 0 } };
  return sha256(tenant, JSON.stringify(kept), codeHash, harnessHash());
}

let harness: string | undefined;
function harnessHash(): string {
  return (harness ??= sha256(FUNCTION_HARNESS_MODULE));
}

type Held = Authority & { readonly meter: Run["meter"] };

/** What the function's code holds. */
function authorityOf(deps: ExecuteDeps, { via, live }: FunctionRun, principal: Principal, policy: Policy, self: Parent): Held {
  const ofFunction: Via = { ...via, isGuest: true, cause: `function:${live.name}`, credential: undefined, rates: () => [] };
  return {
    principal,
    policy,
    services: policy.services,
    meter: self.run.meter,
    via: ofFunction,
    functions: new Engine(deps, principal.tenant, ofFunction, self),
  };
}

/** What the tenant's rules allow, and of that what the function's own do. */
function networkOf({ env, now }: ExecuteDeps, { tenant, live }: FunctionRun, run: Run): ExecutionNetwork {
  return new ExecutionNetwork({
    wayOut: async () => ({ ...(await wayOutOfTenant(env, tenant)), ownRules: live.egress }),
    meter: run.meter,
    elapsedMs: () => run.elapsedMs(),
    leftMs: () => run.budget.deadlineMs - now(),
  });
}

interface AttemptOptions {
  readonly authority: Held;
  readonly limits: Limits;
  readonly warmId: string;
  readonly objectKey: string | undefined;
  readonly self: Parent;
  readonly network: ExecutionNetwork;
}

function attemptOf(deps: ExecuteDeps, call: FunctionRun, { authority, limits, warmId, objectKey, self, network }: AttemptOptions): Attempt {
  const { live, body, object } = call;
  const redactor = new Redactor(live.secrets);
  const surface: RpcTarget = new GuestSurface(deps.env, authority, (request) => execute(deps, authority, request, SILENT, self));
  const dispatchers = live.bindings.flatMap((binding) => (binding.type === "dispatch_namespace" ? [binding] : []));
  const namespaces = live.bindings.flatMap((binding) => (binding.type === "durable_object_namespace" ? [binding] : []));
  const program: FunctionProgram = {
    warmId,
    objectKey,
    job: {
      call: call.call,
      namespaces: namespaces.map(({ name }) => name),
      ...(object ? { object: { name: object.name } } : {}),
      env: envOf(live),
      dispatchers: dispatchers.map(({ name }) => name),
      services: authority.services,
      props: call.props ?? {},
      limits,
    },
    body,
  };
  const code = () => functionsOf(deps.env, call.tenant).code(live.codeHash);
  return async (place, logbook, stop) => {
    const host = new FunctionRunHost({
      logbook,
      surface,
      network,
      redactor,
      onResponse: (response) => {
        // Somebody has it: it cannot be given again.
        self.run.meter.hasWritten = true;
        call.onResponse(response, self.id);
      },
      dispatch: (asked) => dispatchTo(deps, { ...asked, namespaces: dispatchers, authority, tenant: call.tenant, self }),
      object: (asked) => askObject(deps, { ...asked, namespaces, authority, live, tenant: call.tenant, self }),
    });
    // A body is read once, and what an object does may be stored.
    if (body || object) self.run.meter.hasWritten = true;
    return withoutSecrets(await place.call(program, host, stop, code), redactor);
  };
}

function envOf({ bindings, secrets, variables: { ofTenant, ofFunction } }: Live): Record<string, unknown> {
  const variables = bindings.flatMap((binding): [string, unknown][] => {
    if (binding.type === "plain_text") return [[binding.name, binding.text]];
    return binding.type === "json" ? [[binding.name, binding.json]] : [];
  });
  return { ...ofTenant, ...Object.fromEntries(variables), ...ofFunction, ...secrets };
}

function withoutSecrets(report: Report, redactor: Redactor): Report {
  const { ending } = report;
  if (redactor.isIdle) return report;
  switch (ending.kind) {
    case "answered":
      return { ...report, ending: { ...ending, resultText: ending.hasValue ? safeJson(ending.resultText, redactor) : "" } };
    case "threw":
    case "compile-error": {
      const { message, stack } = ending.error;
      const error = { ...ending.error, message: redactor.text(message), ...(stack === undefined ? {} : { stack: redactor.text(stack) }) };
      return { ...report, ending: { ...ending, error } };
    }
    case "killed":
      return { ...report, ending: { ...ending, logs: redactedLogs(ending.logs, redactor) } };
    case "cpu-exceeded":
      return { ...report, ending: { ...ending, logs: redactedLogs(ending.logs, redactor) } };
    default:
      return report;
  }
}

function redactedLogs<T extends { readonly entries: readonly { message: string }[] }>(logs: T, redactor: Redactor): T {
  return { ...logs, entries: logs.entries.map((entry) => ({ ...entry, message: redactor.text(String(entry.message)) })) };
}

/** What is no JSON is refused where results are checked. */
function safeJson(text: string, redactor: Redactor): string {
  try {
    return redactor.json(text);
  } catch {
    return "";
  }
}

type Made = RunRecord & { readonly requests: readonly CapturedRequest[] };

async function conclude(deps: ExecuteDeps, call: FunctionRun, id: string, made: Made, recording: Recording): Promise<FunctionEnd> {
  const { live, tenant } = call;
  const { conclusion, file } = await located(deps, call, made.conclusion);
  const { conclusion: _, requests: captured, ...record } = made;
  const redactor = new Redactor(live.secrets);
  const requests = captured.length > 0 ? captured.map((one) => ({ ...one, url: redactor.text(one.url) })) : undefined;
  const error = conclusion.outcome === "ok" ? undefined : conclusion.error;
  const endedMs = deps.now();
  // The caller does not wait for the disk: what had an effect has been on record since before it.
  const ended = { id, endedMs, outcome: conclusion.outcome, ...record, requests, error, answer: undefined };
  deps.waitUntil(writeLater(tenant, () => recording.finish(ended)));
  if (live.isTailed) {
    const event = {
      executionId: id,
      version: live.version,
      call: call.label,
      outcome: conclusion.outcome,
      startedAt: new Date(endedMs - record.usage.wallMs).toISOString(),
      wallMs: record.usage.wallMs,
      logs: record.logs,
      ...(error ? { error: { name: error.name, message: error.message } } : {}),
    };
    deps.waitUntil(
      functionsOf(deps.env, tenant)
        .noteCall(live.name, event)
        .catch(() => undefined),
    );
  }
  return {
    executionId: id,
    conclusion,
    check: () => {
      if (conclusion.outcome === "ok") return conclusion;
      throw endedError({ name: live.name, version: live.version, executionId: id, conclusion, file });
    },
  };
}

/** Says where in the files that were sent an error is. */
async function located(
  deps: ExecuteDeps,
  { tenant, live }: FunctionRun,
  conclusion: Conclusion,
): Promise<{ conclusion: Conclusion; file: string | undefined }> {
  if (conclusion.outcome === "ok" || (conclusion.error.line === undefined && conclusion.error.stack === undefined)) {
    return { conclusion, file: undefined };
  }
  const map = await functionsOf(deps.env, tenant)
    .sourceMap(live.codeHash)
    .catch(() => undefined);
  if (map === undefined) return { conclusion, file: undefined };
  const { error, file } = new Positions(map).ofError(conclusion.error);
  return { conclusion: { ...conclusion, error }, file };
}

function beginEntry(
  id: string,
  { live, via, label }: FunctionRun,
  principal: Principal,
  parent: Parent | undefined,
  startedMs: number,
  limits: Limits,
): BeginEntry {
  const code = `// ${live.name} ${live.version}: ${label}`;
  return {
    id,
    parentId: parent?.id,
    cause: via.cause ?? `function:${live.name}`,
    startedMs,
    deadlineMs: startedMs + limits.wallMs + MOST_WAIT_MS,
    principal,
    language: "js",
    code,
    codeHash: sha256("function", code),
    input: "",
    inputTypes: {},
    requestHash: sha256(live.codeHash),
    once: undefined,
    cache: undefined,
  };
}

/** What a function answered, as a value. */
export function valueOf({ check }: FunctionEnd): unknown {
  const { hasValue, resultText, types } = check();
  return hasValue ? decodeValue({ value: JSON.parse(resultText) as unknown, types }) : undefined;
}
