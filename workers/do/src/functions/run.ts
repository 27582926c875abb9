import type { RpcTarget } from "cloudflare:workers";
import type { Limits } from "../../../../sdk/src/types.ts";
import { decodeValue } from "../../../../sdk/src/values.ts";
import type { Live } from "../../../core-services/gateway/functions/engine.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { newId } from "../../../core-services/shared/ids.ts";
import type { Authority, Via } from "../capabilities.ts";
import { takePlace } from "../concurrency.ts";
import { hasFailed, works } from "../executions/unwritten.ts";
import { DoError } from "../errors.ts";
import type { Turns } from "../executor/budget.ts";
import { Control, executeWithin, type ExecuteDeps, type Parent } from "../executor/execute.ts";
import type { FunctionProgram } from "../executor/executor.ts";
import type { FunctionCall } from "../executor/guest/function-protocol.ts";
import { GuestSurface } from "../executor/guest-surface.ts";
import { ExecutionNetwork } from "../executor/network.ts";
import type { Conclusion } from "../executor/outcome.ts";
import { Recording } from "../executor/recording.ts";
import { Run, type Attempt } from "../executor/run.ts";
import type { Policy } from "../policy.ts";
import type { Principal } from "../principal.ts";
import { beginEntry, conclude } from "./conclude.ts";
import { Engine } from "./engine.ts";
import { dispatchTo } from "./dispatcher.ts";
import { grantOf, principalOf, type Grant } from "./grant.ts";
import { homeKeyOf, objectKeyOf } from "./object-keys.ts";
import { askObject } from "./objects.ts";
import { FunctionRunHost, type FunctionResponse } from "./host.ts";
import { senderOf, type Outbound } from "./outbound.ts";
import { Redactor } from "./redact.ts";
import { withoutSecrets } from "./redact-report.ts";

/** One call of a function that was found. */
export interface FunctionRun {
  readonly tenant: string;
  readonly live: Live;
  readonly call: FunctionCall;
  readonly body: ReadableStream<Uint8Array> | null;
  /** What `ctx.props` is. */
  readonly props: unknown;
  /** What `env` has beside what is the function's own. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** To where its requests go, and those of what it calls. */
  readonly outbound: Outbound | undefined;
  /** Whose turn it waits for, instead of being refused, within the execution that calls it. */
  readonly turns?: Turns | undefined;
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
  const grant = grantOf(deps.env, run);
  const leave = await (parent ? enterWithin(run, parent) : takePlace(deps, principalOf(run.tenant, run.live), grant.policy));
  try {
    return await runWithin(deps, run, grant, parent);
  } finally {
    leave();
  }
}

/** Of what may not be called by what it calls: a function, or one object. */
function nameOf({ live, object }: Pick<FunctionRun, "live" | "object">): string {
  return object === undefined ? live.name : `${live.name} ${object.entrypoint}(${object.name})`;
}

async function enterWithin({ turns, object, signal }: FunctionRun, { run: { budget }, depth }: Parent): Promise<() => void> {
  // Of objects the root's own code may ask as many as it likes at a time: some wait for the others.
  const mayWait = object !== undefined && depth === 0;
  if (!turns && !mayWait) return budget.enter(depth + 1);
  const leave = await (turns ? budget.enterInTurn(depth + 1, turns) : budget.enterWhenFree(depth + 1));
  if (signal?.aborted !== true) return leave;
  leave();
  throw new DoError("CANCELLED", "Cannot call: the execution is over", { reason: "EXECUTION_OVER" });
}

async function runWithin(
  deps: ExecuteDeps,
  call: FunctionRun,
  { policy, warmId }: Grant,
  parent: Parent | undefined,
): Promise<FunctionEnd> {
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
  const home = call.object && homeKeyOf(tenant, call.object.home);
  const objectKey = call.object && objectKeyOf(tenant, call.object.home, call.object);
  const enter = () => executor.enter({ executionId: id, tenant, depth, limits, warmId, home, objectKey });
  const place = await enter();
  recording.beginLater(() => run.stop("cancelled"));
  run.start();
  parent?.run.adopt(run);
  call.signal?.addEventListener("abort", () => run.stop("timeout"), { once: true });
  const self: Parent = { id, depth, run, functions: [...(parent?.functions ?? []), nameOf(call)], outbound: call.outbound };
  const authority = authorityOf(deps, call, principal, policy, self);
  const network = networkOf(deps, call, authority.via, self);
  const attempt = attemptOf(deps, call, { authority, limits, warmId, objectKey, self, network });
  const record = await run.execute(place, enter, attempt);
  network.close();
  return conclude(deps, call, id, { ...record, requests: network.requests }, recording);
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

/** What the tenant's rules allow, or its outbound Worker, and of that what the function's own rules do. */
function networkOf(deps: ExecuteDeps, { tenant, live }: FunctionRun, via: Via, self: Parent): ExecutionNetwork {
  const { run } = self;
  return new ExecutionNetwork({
    send: senderOf(deps, { tenant, via, ownRules: live.egress }, self),
    meter: run.meter,
    elapsedMs: () => run.elapsedMs(),
    leftMs: () => run.budget.deadlineMs - deps.now(),
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
  const surface: RpcTarget = new GuestSurface(deps.env, authority, (request) => executeWithin(deps, authority, request, self));
  const dispatchers = live.bindings.flatMap((binding) => (binding.type === "dispatch_namespace" ? [binding] : []));
  const namespaces = live.bindings.flatMap((binding) => (binding.type === "durable_object_namespace" ? [binding] : []));
  const program: FunctionProgram = {
    warmId,
    objectKey,
    job: {
      call: call.call,
      namespaces: namespaces.map(({ name }) => name),
      ...(object ? { object: { name: object.name } } : {}),
      env: { ...envOf(live), ...call.params },
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

/** What a function answered, as a value. */
export function valueOf({ check }: FunctionEnd): unknown {
  const { hasValue, resultText, types } = check();
  return hasValue ? decodeValue({ value: JSON.parse(resultText) as unknown, types }) : undefined;
}
