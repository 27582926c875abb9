import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import * as z from "zod";
import { executorOf } from "#seam";
import { newId } from "../../../core-services/shared/ids.ts";
import { NamespaceName } from "../../../core-services/gateway/functions/names.ts";
import { OutboundBinding } from "../../../core-services/gateway/schema/functions.ts";
import { RealmAuthenticator } from "../authenticate.ts";
import { principalFromProps } from "../principal.ts";
import { Session } from "../session.ts";
import { requestHeaders } from "./http.ts";

const Props = z.object({ principal: z.unknown(), namespace: NamespaceName, outbound: OutboundBinding.optional() });

type Ask = (request: Request) => Promise<Response>;

/**
 * A dispatcher for another Worker: `env.DISPATCHER.get(name, args, { limits, outbound }).fetch(request)`. Its binding's props name
 * the principal, whose tenant's functions they are, the namespace, and perhaps an outbound Worker.
 */
export class Dispatcher extends WorkerEntrypoint {
  get(name: string, args?: unknown, options: { limits?: unknown; outbound?: unknown } = {}): DispatchedWorker {
    const props = Props.parse(this.ctx.props);
    const session = Session.ofProps(
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
          isGuest: false,
          cause: undefined,
        },
        now: Date.now,
        waitUntil: (work) => this.ctx.waitUntil(work),
      },
      principalFromProps({ principal: props.principal }),
    );
    const { limits, outbound } = options;
    return new DispatchedWorker(async (request) => {
      const { status, headers, body } = await Session.dispatch(session, {
        namespace: props.namespace,
        outbound: props.outbound,
        name: String(name),
        request: { url: request.url, method: request.method, headers: requestHeaders(request.headers) },
        body: request.body,
        options: { args, limits, outbound },
      });
      return new Response(body, { status, headers: new Headers(headers as [string, string][]) });
    });
  }
}

/** What `get()` gives: RPC exposes this one name. */
class DispatchedWorker extends RpcTarget {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    super();
    this.#ask = ask;
  }

  fetch(input: Request | string, init?: RequestInit): Promise<Response> {
    return this.#ask(new Request(input, init));
  }
}
