import { RpcTarget } from "cloudflare:workers";
import type { CapturedRequest, EncodedAnswer, LogEntry } from "../../../../sdk/src/types.ts";
import { sha256 } from "../../../core-services/shared/hash.ts";
import { newId } from "../../../core-services/shared/ids.ts";
import { onceKey } from "../../../core-services/shared/once.ts";
import { noteIfDenied, type Authority } from "../capabilities.ts";
import { DoError } from "../errors.ts";
import type { BeginEntry, FinishEntry, RunControl } from "../executions/schema.ts";
import { hasFailed, works, writeLater } from "../executions/unwritten.ts";
import type { Executor, Place } from "./executor.ts";
import { Engine } from "../functions/engine.ts";
import { GuestSurface } from "./guest-surface.ts";
import { CONSOLE_MODULE, HARNESS_MODULE, NETWORK_MODULE, RESPOND_MODULE, TYPED_INPUT_MODULE } from "./guest.generated.ts";
import { senderOf, type Outbound } from "../functions/outbound.ts";
import { ExecutionNetwork } from "./network.ts";
import { Recording } from "./recording.ts";
import { parseJob, type Job } from "./request.ts";
import { programAttempt, Run, type RunRecord } from "./run.ts";

/** What executing needs of the world. */
export interface ExecuteDeps {
  readonly env: Cloudflare.Env;
  readonly executor: Executor;
  readonly now: () => number;
  /** Keeps work alive when the caller goes away: what has started is run to its end and recorded. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** Longer than an execution waits for its place and its record in all. */
const MOST_WAIT_MS = 60_000;

/** The execution that starts another one. */
export interface Parent {
  readonly id: string;
  readonly depth: number;
  readonly run: Run;
  /** Names of the functions that are being called, from the outermost on. */
  readonly functions?: readonly string[];
  /** To where its requests go, and those of what it starts; without one they leave by the rules of the tenant. */
  readonly outbound?: Outbound | undefined;
}

export interface Observer {
  /** Whether `started` hands the id to somebody who may use it while the code runs. */
  readonly sharesId: boolean;
  started(id: string): void;
  log(entry: LogEntry): void;
}

/** On whose behalf code runs. */
type Caller = Pick<Authority, "principal" | "policy" | "via">;

/**
 * Runs what was sent, as `caller` may. @returns the answer (EncodedAnswer) as JSON text
 * @param permitted rejects when it may not begin: it is asked for a process meanwhile, and runs nothing before
 */
export async function execute(
  deps: ExecuteDeps,
  caller: Caller,
  sent: unknown,
  observer: Observer,
  permitted: Promise<unknown>,
): Promise<string> {
  return admit(deps, caller, await parseGranted(deps.env, caller, sent), observer, { permitted, parent: undefined });
}

/** The same for code that another execution runs, within what that has left. Nobody hears of it but that. */
export async function executeWithin(deps: ExecuteDeps, caller: Caller, sent: unknown, parent: Parent): Promise<string> {
  const asked = await parseGranted(deps.env, caller, sent);
  const leave = parent.run.budget.enter(parent.depth + 1);
  try {
    return await admit(deps, caller, withinParent(asked, parent, deps.now()), SILENT, { permitted: Promise.resolve(), parent });
  } finally {
    leave();
  }
}

/** What an execution begins under. */
interface Beginning {
  readonly permitted: Promise<unknown>;
  readonly parent: Parent | undefined;
}

/** What was sent, as a job that the caller may have run; what they may not is noted. */
async function parseGranted(env: Cloudflare.Env, caller: Caller, sent: unknown): Promise<Job> {
  const { mayExecute, tier } = caller.policy;
  if (!mayExecute) throw new DoError("PERMISSION_DENIED", `Cannot run code: tier "${tier}" may not`, { reason: "TIER_MAY_NOT_EXECUTE" });
  try {
    return parseJob(sent, caller.policy);
  } catch (error) {
    await noteIfDenied(env, caller, error, "execute");
    throw error;
  }
}

/** Runs a job, unless its answer is known by key. */
async function admit(deps: ExecuteDeps, caller: Caller, job: Job, observer: Observer, { permitted, parent }: Beginning): Promise<string> {
  const startedMs = deps.now();
  const id = newId("exec", startedMs);
  const run = new Run(
    { job, tier: caller.policy.tier, now: deps.now, onLog: (log) => observer.log(log), beforeCall: () => recording.begin() },
    parent?.run.budget,
  );
  const recording = new Recording(
    deps.env.EXECUTIONS.getByName(caller.principal.tenant),
    () => beginEntry(id, job, caller, parent, startedMs),
    () => new Control(run),
  );
  const isKeyed = job.idempotencyKey !== undefined || job.cache !== undefined;
  const isNamed = isKeyed || observer.sharesId || hasFailed(caller.principal.tenant);
  if (isNamed) {
    const admission = await recording.begin();
    works(caller.principal.tenant);
    if (admission.kind === "answer") return admission.cacheHit ? asCacheHit(admission.answer) : admission.answer;
  }
  const enter = () =>
    deps.executor.enter({ executionId: id, tenant: caller.principal.tenant, depth: parent ? parent.depth + 1 : 0, limits: job.limits });
  const entering = enterIf(permitted, enter()).catch(async (error: unknown) => {
    if (isNamed) await recording.withdraw(id);
    throw error;
  });
  // What is on record goes on when its caller goes away: else its key would stand for a run that never was.
  if (isNamed) deps.waitUntil(entering.catch(() => undefined));
  // While the place is waited for, which is the work of another process.
  const self: Parent = { id, depth: parent ? parent.depth + 1 : 0, run, functions: parent?.functions ?? [], outbound: parent?.outbound };
  const prepared = prepare(deps, caller, job, self);
  const place = await entering;
  // What cannot be recorded does not go on.
  if (!isNamed) recording.beginLater(() => run.stop("cancelled"));
  run.start();
  observer.started(id);
  parent?.run.adopt(run);
  const work = runAndRecord({ ...deps, ...prepared, place, enter }, caller, job, self, recording, isKeyed);
  deps.waitUntil(work.catch(() => undefined));
  return work;
}

/** A place that was asked for before it was known whether it may be used. */
async function enterIf(permitted: Promise<unknown>, entering: Promise<Place>): Promise<Place> {
  try {
    await Promise.all([permitted, entering]);
  } catch (error) {
    void entering.then((place) => place.leave()).catch(() => undefined);
    throw error;
  }
  return entering;
}

interface Prepared {
  readonly attempt: ReturnType<typeof programAttempt>;
  readonly network: ExecutionNetwork;
}

interface Ready extends Prepared {
  readonly place: Place;
  readonly enter: () => Promise<Place>;
}

/** All that the code will have. */
function prepare(deps: ExecuteDeps, caller: Caller, job: Job, self: Parent): Prepared {
  const { run } = self;
  const via = { ...caller.via, isGuest: true };
  const functions = new Engine(deps, caller.principal.tenant, via, self);
  const authority = { ...caller, services: job.services, meter: run.meter, via, functions };
  const asGuest: Caller = { ...caller, policy: { ...caller.policy, services: job.services } };
  const surface = new GuestSurface(deps.env, authority, (request) => executeWithin(deps, asGuest, request, self));
  const network = new ExecutionNetwork({
    send: senderOf(deps, { tenant: caller.principal.tenant, via, ownRules: undefined }, self),
    meter: run.meter,
    elapsedMs: () => run.elapsedMs(),
    leftMs: () => run.budget.deadlineMs - deps.now(),
  });
  return { attempt: programAttempt(job, surface, network), network };
}

async function runAndRecord(
  deps: ExecuteDeps & Ready,
  caller: Caller,
  job: Job,
  { id, run }: Parent,
  recording: Recording,
  keepAnswer: boolean,
): Promise<string> {
  const { place, enter, attempt, network } = deps;
  const { conclusion, ...ran } = await run.execute(place, enter, attempt);
  network.close();
  const requests = job.captureFetch ? network.requests : undefined;
  const record = requests && network.truncated ? { ...ran, truncated: [...ran.truncated, "requests"] } : ran;
  const answer = toAnswer(id, { conclusion, ...record }, requests);
  const ended: FinishEntry = {
    id,
    endedMs: deps.now(),
    outcome: conclusion.outcome,
    ...record,
    requests,
    error: conclusion.outcome === "ok" ? undefined : conclusion.error,
    answer: keepAnswer ? answer : undefined,
  };
  if (recording.hasBegun) await recording.finish(ended);
  else deps.waitUntil(writeLater(caller.principal.tenant, () => recording.finish(ended)));
  return answer;
}

const SILENT: Observer = { sharesId: false, started: () => {}, log: () => {} };

/** What the record of a running execution holds of it. */
export class Control extends RpcTarget implements RunControl {
  readonly #run: Run;

  constructor(run: Run) {
    super();
    this.#run = run;
  }

  cancel(): void {
    this.#run.stop("cancelled");
  }

  logs(): LogEntry[] {
    return [...this.#run.logs];
  }
}

/** What an execution starts ends before it does. */
function withinParent(job: Job, { run }: Parent, nowMs: number): Job {
  const leftMs = Math.max(1, run.budget.deadlineMs - nowMs);
  return { ...job, limits: { ...job.limits, wallMs: Math.min(job.limits.wallMs, leftMs) } };
}

function beginEntry(id: string, job: Job, { principal, policy, via }: Caller, parent: Parent | undefined, nowMs: number): BeginEntry {
  const codeHash = sha256(job.language, job.code);
  const { idempotencyKey, cache, limits } = job;
  const request = [
    codeHash,
    job.input,
    JSON.stringify(job.inputTypes),
    job.services.join(","),
    String(limits.wallMs),
    String(job.captureConsole),
  ];
  const requestHash = sha256(...request);
  return {
    id,
    parentId: parent?.id,
    cause: via.cause,
    startedMs: nowMs,
    deadlineMs: nowMs + limits.wallMs + MOST_WAIT_MS,
    principal,
    language: job.language,
    code: job.code,
    codeHash,
    input: job.input,
    inputTypes: job.inputTypes,
    requestHash,
    // Another principal of the tenant, or the same with other rights, is another request.
    once: onceKey(idempotencyKey, "execute", [requestHash, principal, policy]),
    // A tenant's own store keeps it, and a changed policy, program or harness is another key: nobody else's answer,
    // never a stale program's.
    cache: cache && {
      hash: sha256(principal.tenant, JSON.stringify(policy), codeHash, job.services.join(","), harnessHash(), cache.key),
      ttlSeconds: cache.ttlSeconds,
    },
  };
}

let harness: string | undefined;
function harnessHash(): string {
  return (harness ??= sha256(HARNESS_MODULE, CONSOLE_MODULE, RESPOND_MODULE, NETWORK_MODULE, TYPED_INPUT_MODULE));
}

function toAnswer(
  id: string,
  { conclusion, usage, logs, truncated }: Omit<RunRecord, "calls">,
  requests: readonly CapturedRequest[] | undefined,
): string {
  const ok = conclusion.outcome === "ok";
  const answer: EncodedAnswer = {
    id,
    success: ok,
    outcome: conclusion.outcome,
    ...(ok ? {} : { error: conclusion.error }),
    ...(ok && Object.keys(conclusion.types).length > 0 ? { resultEncoding: conclusion.types } : {}),
    logs,
    ...(requests ? { requests: [...requests] } : {}),
    cacheHit: false,
    usage,
    ...(truncated.length > 0 ? { truncated } : {}),
  };
  const text = JSON.stringify(answer);
  // The result is JSON text already, and was parsed once to see that it is: it goes out as it came.
  return ok && conclusion.hasValue ? `${text.slice(0, -1)},"result":${conclusion.resultText}}` : text;
}

function asCacheHit(answer: string): string {
  return JSON.stringify({ ...(JSON.parse(answer) as EncodedAnswer), cacheHit: true });
}
