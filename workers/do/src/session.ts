import { RpcTarget } from "cloudflare:workers";
import * as z from "zod";
import type {
  ExecutionAnswer,
  ExecutionRecord,
  ExecutionState,
  ExecutionSummary,
  Page,
  RpcEvent,
  ServiceName,
  WhoAmI,
} from "../../../sdk/src/types.ts";
import type { Authenticator } from "./authenticate.ts";
import { invoke, Services, UNMETERED, type Authority } from "./capabilities.ts";
import { DoError } from "./errors.ts";
import { decodeAnswer } from "../../../sdk/src/answer.ts";
import { execute, type ExecuteDeps, type Observer } from "./executor/execute.ts";
import { parseJob } from "./executor/request.ts";
import { Run } from "./executor/run.ts";
import { policy, whoAmI } from "./policy.ts";
import { ROOT, type Principal } from "./principal.ts";

export interface SessionDeps extends ExecuteDeps {
  readonly authenticator: Authenticator;
}

/** What an RPC caller may hand in to see logs as they happen. */
export type OnEvent = (event: RpcEvent) => unknown;

/**
 * What `authenticate()` returns: holding it is being that principal. Nothing that a caller passes to its methods says
 * who calls.
 */
export class Session extends Services {
  readonly #deps: SessionDeps;
  readonly #authority: Authority;

  constructor(deps: SessionDeps, principal: Principal) {
    const granted = policy(principal);
    const authority: Authority = { principal, policy: granted, services: granted.services, meter: UNMETERED };
    super(deps.env, authority);
    this.#deps = deps;
    this.#authority = authority;
  }

  /** @throws DoError UNAUTHENTICATED, UNAVAILABLE */
  async authenticate(credential: string): Promise<Session> {
    return new Session(this.#deps, await this.#deps.authenticator.authenticate(credential));
  }

  async whoami(): Promise<WhoAmI> {
    return whoAmI(this.#authority.principal, this.#authority.policy);
  }

  /** Runs code (ExecuteRequest). `onEvent` gets each log as it happens. */
  async execute(request: unknown, onEvent?: OnEvent): Promise<ExecutionAnswer> {
    // The runtime releases a stub of the caller's when this call returns; until then it may be called.
    const answer = decodeAnswer(JSON.parse(await execute(this.#deps, this.#authority, request, observerOf(onEvent))));
    await Promise.resolve(onEvent?.({ type: "result", answer })).catch(() => {});
    return answer;
  }

  get executions(): ExecutionsCapability {
    return new ExecutionsCapability(this.#deps.env, this.#authority);
  }

  /** For the HTTP routes, which name services and methods in their paths. Symbols do not cross RPC. */
  static invoke(session: Session, service: ServiceName, method: string, params: unknown): Promise<unknown> {
    return invoke(session.#deps.env, session.#authority, service, method, params);
  }

  /** For the HTTP routes: the answer as the text it already is. */
  static executeText(session: Session, request: unknown, observer: Observer): Promise<string> {
    return execute(session.#deps, session.#authority, request, observer);
  }

  /** Runs a trivial program, unrecorded, to see that code can run. @throws DoError UNAVAILABLE */
  static async tryExecutor(session: Session): Promise<void> {
    const { executor, now } = session.#deps;
    const job = parseJob({ code: "return 1" }, policy(ROOT));
    const enter = () => executor.enter({ executionId: "ready", tenant: ROOT.tenant, depth: 0, limits: job.limits });
    const run = new Run({ job, tier: ROOT.tier, now, onLog: () => {}, beforeCall: () => Promise.resolve() });
    const { conclusion } = await run.execute(await enter(), enter, new Nothing());
    if (conclusion.outcome !== "ok")
      throw new DoError("UNAVAILABLE", "Cannot run code now", { reason: conclusion.outcome, retryAfterMs: 1_000 });
  }

  static principalOf(session: Session): Principal {
    return session.#authority.principal;
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
    return this.#store().list(limit, cursor, state);
  }

  /** @throws DoError NOT_FOUND */
  async get(id: string): Promise<ExecutionRecord> {
    const record = isExecutionId(id) ? await this.#store().get(id) : undefined;
    if (!record) throw notFound();
    return record;
  }

  /** Ends a running execution; `cancelled` is false when it had ended by itself. @throws DoError NOT_FOUND */
  async cancel(id: string): Promise<{ cancelled: boolean }> {
    const cancelled = isExecutionId(id) ? await this.#store().cancel(id) : undefined;
    if (cancelled === undefined) throw notFound();
    return { cancelled };
  }

  #store() {
    const { policy: granted, principal } = this.#authority;
    if (!granted.mayExecute) throw new DoError("PERMISSION_DENIED", `Cannot see executions: tier "${granted.tier}" may not run code`);
    return this.#env.EXECUTIONS.getByName(principal.tenant);
  }
}

function isExecutionId(id: unknown): id is string {
  return ExecutionId.safeParse(id).success;
}

/** The same for an id of another tenant, which is in another database, as for one that never was. */
function notFound(): DoError {
  return new DoError("NOT_FOUND", "There is no such execution in this tenant, or it is no longer kept");
}
