import { WorkerEntrypoint } from "cloudflare:workers";
import { executorOf } from "#seam";
import { decodeAnswer } from "../../../sdk/src/answer.ts";
import type { ExecutionAnswer } from "../../../sdk/src/types.ts";
import type { BackgroundProps, OutboundAnswer, OutboundRequest } from "../../core-services/shared/background.ts";
import { newId } from "../../core-services/shared/ids.ts";
import { RealmAuthenticator } from "./authenticate.ts";
import { isServiceName } from "./capabilities.ts";
import { DoError } from "./errors.ts";
import { Session } from "./session.ts";

export { sponsorOf } from "./sponsor.ts";

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

  /** Through the egress rules of the sponsor's tenant; without any, nowhere. */
  async request(_request: OutboundRequest): Promise<OutboundAnswer> {
    await this.#session();
    throw new DoError("UNSUPPORTED", "Requests to the network are not built yet", { reason: "EGRESS_NOT_BUILT" });
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
