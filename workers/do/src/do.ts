import { WorkerEntrypoint } from "cloudflare:workers";
import { SERVICES, type ExecutionAnswer, type WhoAmI } from "../../../sdk/src/types.ts";
import { executorOf } from "#seam";
import { newId } from "../../core-services/shared/ids.ts";
import { addressOf, requestIdOf } from "./address.ts";
import { RealmAuthenticator, type Circumstances } from "./authenticate.ts";
import { handle } from "./http/app.ts";
import { problem } from "./http/problem.ts";
import { principalFromProps } from "./principal.ts";
import { Session, type ExecutionsCapability, type OnEvent, type SessionDeps } from "./session.ts";

/** A caller that is there, and is not code that do runs. */
const BY_ITSELF = { isGuest: false, cause: undefined } as const;

/** Of a call over RPC nobody says where it comes from. */
const NOWHERE = { address: undefined, origin: undefined, resourcePath: "", cdnLoop: "", ...BY_ITSELF } as const;

/**
 * The one entrypoint: `env.DO` of another Worker, and the HTTP handler. A binding whose `props` name a principal acts
 * as it; any other is anonymous until it authenticates. It has the surface of a Session, and is never given to code.
 */
export default class Do extends WorkerEntrypoint {
  override async fetch(request: Request): Promise<Response> {
    try {
      const url = new URL(request.url);
      const { origin, pathname } = url;
      const resourcePath = /^\/mcp(?:\/|$)/.test(pathname) ? "/mcp" : "";
      const cdnLoop = request.headers.get("cdn-loop") ?? "";
      const { DO_TRUSTED_INGRESS: trusted } = this.env;
      return await handle(
        request,
        url,
        this.#session({
          address: addressOf(request, trusted),
          origin,
          resourcePath,
          cdnLoop,
          ...BY_ITSELF,
          ...requestIdOf(request, trusted),
        }),
      );
    } catch (error) {
      // A configuration that is none, before there is anybody to answer.
      return problem(error, newId("req", Date.now()));
    }
  }

  /** @throws DoError UNAUTHENTICATED, UNAVAILABLE */
  authenticate(credential: string): Promise<Session> {
    return this.#session().authenticate(credential);
  }
  execute(request: unknown, onEvent?: OnEvent): Promise<ExecutionAnswer> {
    return this.#session().execute(request, onEvent);
  }
  whoami(): Promise<WhoAmI> {
    return this.#session().whoami();
  }
  get executions(): ExecutionsCapability {
    return this.#session().executions;
  }

  static sessionOf(entrypoint: Do): Session {
    return entrypoint.#session();
  }

  #session(from: Omit<Circumstances, "requestId"> & { requestId?: string } = NOWHERE): Session {
    const deps: SessionDeps = {
      env: this.env,
      executor: executorOf(this.env),
      authenticator: new RealmAuthenticator(this.env, Date.now),
      circumstances: { requestId: newId("req", Date.now()), ...from },
      now: Date.now,
      waitUntil: (work) => this.ctx.waitUntil(work),
    };
    return Session.ofProps(deps, principalFromProps(this.ctx.props));
  }
}

// Not written in the class: `queue` and `email` are also names of event handlers, and TypeScript knows them as those.
for (const name of SERVICES) {
  Object.defineProperty(Do.prototype, name, {
    get(this: Do) {
      return Do.sessionOf(this)[name];
    },
  });
}
