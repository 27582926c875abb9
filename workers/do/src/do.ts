import { WorkerEntrypoint } from "cloudflare:workers";
import { SERVICES, type ExecutionAnswer, type WhoAmI } from "../../../sdk/src/types.ts";
import { RootKeyAuthenticator } from "./authenticate.ts";
import { executorOf } from "#seam";
import { handle } from "./http/app.ts";
import { principalFromProps } from "./principal.ts";
import { Session, type ExecutionsCapability, type OnEvent, type SessionDeps } from "./session.ts";

/**
 * The one entrypoint: `env.DO` of another Worker, and the HTTP handler. A binding whose `props` name a principal acts
 * as it; any other is anonymous until it authenticates. It has the surface of a Session, and is never given to code.
 */
export default class Do extends WorkerEntrypoint {
  override fetch(request: Request): Promise<Response> {
    return handle(request, this.#session(), this.env.DO_TRUSTED_INGRESS !== undefined);
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

  #session(): Session {
    const deps: SessionDeps = {
      env: this.env,
      executor: executorOf(this.env),
      authenticator: new RootKeyAuthenticator(this.env.DO_ROOT_KEY),
      now: Date.now,
      waitUntil: (work) => this.ctx.waitUntil(work),
    };
    return new Session(deps, principalFromProps(this.ctx.props));
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
