import { WorkerEntrypoint } from "cloudflare:workers";
import { executorOf } from "#seam";
import { decodeAnswer } from "../../../sdk/src/answer.ts";
import type { ExecutionAnswer } from "../../../sdk/src/types.ts";
import type { BackgroundProps, HttpAnswer, HttpRequest } from "../../core-services/shared/background.ts";
import { newId } from "../../core-services/shared/ids.ts";
import { RealmAuthenticator } from "./authenticate.ts";
import { isServiceName } from "./capabilities.ts";
import { DoError } from "./errors.ts";
import { Session } from "./session.ts";

/**
 * Work that is done later, on behalf of whom its props name. It is reached through `ctx.exports` of do's own classes
 * alone (`backgroundOf`), and what it may is asked of the sponsor's Realm each time.
 */
export class Background extends WorkerEntrypoint<Cloudflare.Env, BackgroundProps> {
  async execute(request: unknown, onStarted?: (id: string) => unknown): Promise<ExecutionAnswer> {
    const observer = {
      sharesId: onStarted !== undefined,
      started: (id: string) => void Promise.resolve(onStarted?.(id)).catch(() => {}),
      log: () => {},
    };
    return decodeAnswer(JSON.parse(await Session.executeText(await this.#session(), request, observer)));
  }

  async call(service: string, method: string, params: unknown): Promise<unknown> {
    if (!isServiceName(service)) throw new DoError("NOT_FOUND", `There is no service "${service}"`, { reason: "UNKNOWN_SERVICE" });
    return Session.invoke(await this.#session(), service, method, params);
  }

  /** @throws DoError UNSUPPORTED: there are no egress rules yet, and without a rule nothing goes out */
  async request(_request: HttpRequest): Promise<HttpAnswer> {
    await this.#session();
    throw new DoError("UNSUPPORTED", "Cannot send a request: egress is not built yet", { reason: "EGRESS_NOT_BUILT" });
  }

  /** @throws DoError UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE */
  #session(): Promise<Session> {
    const { sponsor, cause } = this.ctx.props;
    return Session.onBehalf(
      {
        env: this.env,
        executor: executorOf(this.env),
        authenticator: new RealmAuthenticator(this.env, Date.now),
        circumstances: {
          requestId: newId("req", Date.now()),
          address: undefined,
          origin: undefined,
          resourcePath: "",
          isGuest: sponsor.isGuest,
          cause: `${cause.kind}:${cause.name}`,
        },
        now: Date.now,
        waitUntil: (work) => this.ctx.waitUntil(work),
      },
      sponsor,
    );
  }
}
