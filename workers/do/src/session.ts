import { checkHost, liveUsage } from "#seam";
import { RpcTarget } from "cloudflare:workers";
import * as z from "zod";
import type {
  ExecutionAnswer,
  ExecutionRecord,
  ExecutionState,
  ExecutionSummary,
  LiveUsage,
  Page,
  RpcEvent,
  ServiceName,
  WhoAmI,
} from "../../../sdk/src/types.ts";
import type { Sponsor } from "../../core-services/shared/background.ts";
import type { RateState } from "../../core-services/auth/gcra.ts";
import { configOf } from "../../core-services/auth/config.ts";
import { issuerOf } from "./authenticate-jwt.ts";
import { signingKeyOf, type SignedService } from "./authenticate-signature.ts";
import type { Authenticator, Circumstances } from "./authenticate.ts";
import { denied, invoke, type Authority } from "./capabilities.ts";
import { Services } from "./service-stubs.ts";
import { DoError } from "./errors.ts";
import type { Executions } from "./executions/executions.ts";
import { allWritten } from "./executions/unwritten.ts";
import { takePlace } from "./concurrency.ts";
import { decodeAnswer } from "../../../sdk/src/answer.ts";
import { execute, type ExecuteDeps, type Observer } from "./executor/execute.ts";
import { NO_NETWORK } from "./executor/network.ts";
import { parseJob } from "./executor/request.ts";
import { programAttempt, Run } from "./executor/run.ts";
import { dispatch, type Dispatch } from "./functions/dispatch.ts";
import { dispatchFor, type OuterDispatch } from "./functions/dispatcher.ts";
import type { FunctionResponse } from "./functions/host.ts";
import { allows, policy, type Policy } from "./policy.ts";
import { ROOT, type Principal } from "./principal.ts";
import { Standing } from "./standing.ts";

export interface SessionDeps extends ExecuteDeps {
  readonly authenticator: Authenticator;
  readonly circumstances: Circumstances;
}

/** What an RPC caller may hand in to see logs as they happen. */
export type OnEvent = (event: RpcEvent) => unknown;

/**
 * What `authenticate()` returns: holding it is being that principal. Nothing that a caller passes to its methods says
 * who calls.
 */
export class Session extends Services {
  readonly #deps: SessionDeps;
  readonly #standing: Standing;

  private constructor(deps: SessionDeps, standing: Standing) {
    super(deps.env, standing.metered());
    this.#deps = deps;
    this.#standing = standing;
  }

  /** Of whom a binding's props name. */
  static ofProps(deps: SessionDeps, principal: Principal): Session {
    return new Session(deps, Standing.ofProps(deps.env, principal, deps.circumstances, deps.now));
  }

  /** Of whom work is done for later. @throws DoError UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED, UNAVAILABLE */
  static async onBehalf(deps: SessionDeps, sponsor: Sponsor): Promise<Session> {
    return new Session(deps, await Standing.onBehalf(deps.env, deps.authenticator, sponsor, deps.circumstances));
  }

  /** @throws DoError UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE */
  async authenticate(credential: string): Promise<Session> {
    const { env, authenticator, circumstances } = this.#deps;
    return new Session(this.#deps, await Standing.ofCredential(env, authenticator, credential, circumstances));
  }

  /** For the HTTP routes: whom a signature of the caller's own stands for. @throws DoError UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE */
  static async signed(session: Session, request: Request, body: Uint8Array, service: SignedService): Promise<Session> {
    const { env, authenticator, circumstances, now } = session.#deps;
    const key = await signingKeyOf(env, request, body, service, now());
    return new Session(session.#deps, await Standing.ofSignature(env, authenticator, key, service.scopes, circumstances));
  }

  async whoami(): Promise<WhoAmI> {
    await this.#standing.renew();
    return this.#standing.whoAmI();
  }

  /** Runs code (ExecuteRequest). `onEvent` gets each log as it happens. */
  async execute(request: unknown, onEvent?: OnEvent): Promise<ExecutionAnswer> {
    await this.#standing.renew();
    // The runtime releases a stub of the caller's when this call returns; until then it may be called.
    const answer = decodeAnswer(JSON.parse(await this.#execute(request, observerOf(onEvent))));
    await Promise.resolve(onEvent?.({ type: "result", answer })).catch(() => {});
    return answer;
  }

  /** Runs code as one of those that this principal may run at a time. */
  async #execute(request: unknown, observer: Observer): Promise<string> {
    const authority = this.#standing.counted();
    const { mayExecute } = authority.policy;
    const { env, waitUntil } = this.#deps;
    // To nobody in particular the executor says that their tier may not: there is no scope to ask for.
    if (!mayExecute && authority.principal.kind === "anonymous")
      return execute(this.#deps, authority, request, observer, Promise.resolve());
    if (!mayExecute) throw await denied(env, authority, "Cannot run code", "executions:write");
    const taken = takePlace(this.#deps, authority.principal, authority.policy);
    try {
      return await execute(this.#deps, authority, request, observer, taken);
    } finally {
      waitUntil(taken.then((giveBack) => giveBack()).catch(() => undefined));
    }
  }

  get executions(): ExecutionsCapability {
    return new ExecutionsCapability(this.#deps.env, this.#standing.metered());
  }

  /** For the HTTP routes, which name services and methods in their paths. Symbols do not cross RPC. */
  static invoke(session: Session, service: ServiceName, method: string, params: unknown): Promise<unknown> {
    return invoke(session.#deps.env, session.#standing.counted(), service, method, params);
  }

  /** For the HTTP routes: the answer as the text it already is. */
  static executeText(session: Session, request: unknown, observer: Observer): Promise<string> {
    return session.#execute(request, observer);
  }

  /** Runs a trivial program, unrecorded, to see that code can run. @throws DoError UNAVAILABLE */
  static async tryExecutor(session: Session): Promise<void> {
    await checkHost(session.#deps.env);
    const { executor, now } = session.#deps;
    const job = parseJob({ code: "return 1" }, policy(ROOT));
    const enter = () => executor.enter({ executionId: "ready", tenant: ROOT.tenant, depth: 0, limits: job.limits });
    const run = new Run({ job, tier: ROOT.tier, now, onLog: () => {}, beforeCall: () => Promise.resolve() });
    const { conclusion } = await run.execute(await enter(), enter, programAttempt(job, new Nothing(), NO_NETWORK));
    if (conclusion.outcome !== "ok")
      throw new DoError("UNAVAILABLE", "Cannot run code now", { reason: conclusion.outcome, retryAfterMs: 1_000 });
  }

  /** The executions, for a request that was counted when it came. */
  static executionsOf(session: Session): ExecutionsCapability {
    return new ExecutionsCapability(session.#deps.env, session.#standing.counted());
  }

  /** A request to a function, by who the session is; functions decide whom they answer. */
  static fetchFunction(session: Session, asked: Omit<Dispatch, "authority">): Promise<Response> {
    return dispatch(session.#deps, { ...asked, authority: session.#standing.counted() });
  }

  /** A request to a function of a namespace, for a Worker that has a dispatcher. */
  static dispatch(session: Session, call: Omit<OuterDispatch, "authority">): Promise<FunctionResponse> {
    return dispatchFor(session.#deps, { ...call, authority: session.#standing.metered() });
  }

  static whoAmI(session: Session): WhoAmI {
    return session.#standing.whoAmI();
  }

  /** Counts a request of whom a binding's props name; who came with a credential was counted with it. */
  static async count(session: Session): Promise<void> {
    await session.#standing.renew();
  }

  /** For the routes of tenants, which answer in the place of do's own. */
  static depsOf(session: Session): SessionDeps {
    return session.#deps;
  }

  static authorityOf(session: Session): Authority {
    return session.#standing.counted();
  }

  static principalOf(session: Session): Principal {
    return session.#standing.principal;
  }

  /** Without a credential, where the configuration lets nobody in without one. */
  static isNobody(session: Session): boolean {
    return session.#standing.principal.kind === "anonymous" && session.#standing.principal.tier === "anonymous";
  }

  /** Where this deployment is, as far as the request says it. */
  static issuerOf(session: Session): string | undefined {
    const { env, circumstances } = session.#deps;
    return issuerOf(configOf(env.DO_CONFIG), circumstances.origin);
  }

  /** What the authorization server is told of a request, in headers that nobody else can set. */
  static saidToOAuth(session: Session): Record<string, string | undefined> {
    const { address, requestId } = session.#deps.circumstances;
    return { "x-do-address": address, "x-do-request-id": requestId };
  }

  static authorizationServer(session: Session): { fetch(request: Request): Promise<Response> } {
    return session.#deps.env.OAUTH.getByName("oauth");
  }

  static policyOf(session: Session): Policy {
    return session.#standing.policy;
  }

  static ratesOf(session: Session): readonly RateState[] {
    return session.#standing.rates;
  }

  static requestIdOf(session: Session): string {
    return session.#deps.circumstances.requestId;
  }
}

/** What a program is given that needs nothing. */
class Nothing extends RpcTarget {}

function observerOf(onEvent: OnEvent | undefined): Observer {
  // A caller that cannot take its events does not stop its code.
  const send = (event: RpcEvent) => void Promise.resolve(onEvent?.(event)).catch(() => {});
  return {
    sharesId: onEvent !== undefined,
    started: (id) => send({ type: "started", id }),
    log: (entry) => send({ type: "log", entry }),
  };
}

const ListOptions = z.strictObject({
  limit: z.int().min(1).max(1_000).optional(),
  cursor: z.string().max(64).optional(),
  state: z.enum(["running", "ended"]).optional(),
});

const ExecutionId = z.string().regex(/^exec_[0-9A-HJKMNP-TV-Z]{26}$/);

/** The executions of the caller's tenant. */
export class ExecutionsCapability extends RpcTarget {
  readonly #env: Cloudflare.Env;
  readonly #authority: Authority;

  constructor(env: Cloudflare.Env, authority: Authority) {
    super();
    this.#env = env;
    this.#authority = authority;
  }

  /** Newest first. */
  async list(options: { limit?: number; cursor?: string; state?: ExecutionState } = {}): Promise<Page<ExecutionSummary>> {
    const parsed = ListOptions.safeParse(options);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new DoError(
        "INVALID_ARGUMENT",
        `Cannot list executions: ${issue?.path.join(".") || "options"}: ${issue?.message ?? "not valid"}`,
      );
    }
    const { limit = 100, cursor, state } = parsed.data;
    const page = await (await this.#store("read")).list(limit, cursor, state);
    return { ...page, items: await this.#withLive(page.items) };
  }

  /** @throws DoError NOT_FOUND */
  async get(id: string): Promise<ExecutionRecord> {
    const record = isExecutionId(id) ? await (await this.#store("read")).get(id) : undefined;
    if (!record) throw notFound();
    const [live = record] = await this.#withLive([record]);
    return live;
  }

  /** Ends a running execution; `cancelled` is false when it had ended by itself. @throws DoError NOT_FOUND */
  async cancel(id: string): Promise<{ cancelled: boolean }> {
    const cancelled = isExecutionId(id) ? await (await this.#store("write")).cancel(id) : undefined;
    if (cancelled === undefined) throw notFound();
    return { cancelled };
  }

  async #withLive<T extends ExecutionSummary>(executions: readonly T[]): Promise<T[]> {
    const running = executions.filter(({ state }) => state === "running").map(({ id }) => id);
    const live = running.length > 0 ? await liveUsage(this.#env, running) : new Map<string, LiveUsage>();
    return executions.map((execution) => {
      const now = live.get(execution.id);
      return now ? { ...execution, live: now } : execution;
    });
  }

  /** The store, for who may; the call is counted. */
  #store(access: "read" | "write"): Promise<DurableObjectStub<Executions>> {
    return this.#authority.meter.call({ service: "executions", method: access, access }, async () => {
      const { policy: granted, principal } = this.#authority;
      if (!allows(granted.scopes, "executions", access, "*")) {
        throw await denied(this.#env, this.#authority, "Cannot look after executions", `executions:${access}`);
      }
      const store = this.#env.EXECUTIONS.getByName(principal.tenant);
      await allWritten(principal.tenant, (records) => store.record(records));
      return store;
    });
  }
}

function isExecutionId(id: unknown): id is string {
  return ExecutionId.safeParse(id).success;
}

/** The same for an id of another tenant, which is in another database, as for one that never was. */
function notFound(): DoError {
  return new DoError("NOT_FOUND", "There is no such execution in this tenant, or it is no longer kept");
}
