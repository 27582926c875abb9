import { WorkerEntrypoint } from "cloudflare:workers";
import { executorOf } from "#seam";
import { decodeAnswer } from "../../../sdk/src/answer.ts";
import type { ExecutionAnswer } from "../../../sdk/src/types.ts";
import { readText } from "../../core-services/gateway/egress/body.ts";
import { guardedRequest } from "../../core-services/gateway/egress/guarded-request.ts";
import type { BackgroundProps, HttpRequest, HttpAnswer } from "../../core-services/shared/background.ts";
import { newId } from "../../core-services/shared/ids.ts";
import { RealmAuthenticator } from "./authenticate.ts";
import { isServiceName } from "./capabilities.ts";
import { DoError } from "./errors.ts";
import { wayOutOfTenant } from "./executor/network.ts";
import { Session } from "./session.ts";

export { sponsorOf } from "./sponsor.ts";

/** Of the answer to a request of work that is done later. */
const MAX_BACKGROUND_RESPONSE_BYTES = 1_048_576;
const BACKGROUND_TIMEOUT_MS = 30_000;

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

  async request({ url, method = "GET", headers = {}, body = "", timeoutMs = BACKGROUND_TIMEOUT_MS }: HttpRequest): Promise<HttpAnswer> {
    // Whose credential is gone asks for nothing any more.
    await this.#session();
    const way = await wayOutOfTenant(this.env, this.ctx.props.sponsor.principal.tenant, "");
    const answer = await guardedRequest(way, {
      url,
      method,
      headers: new Headers({ ...headers }),
      body: body === "" ? undefined : new TextEncoder().encode(body),
      redirect: "manual",
      maxBytes: MAX_BACKGROUND_RESPONSE_BYTES,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await readText(answer.body) };
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
          cdnLoop: "",
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
