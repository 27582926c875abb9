import { answerPreflight, PREFLIGHT_VARY, preflightOf } from "../../../core-services/gateway/routes/cors.ts";
import type { Traffic } from "../../../core-services/gateway/traffic.ts";
import type { Remote } from "../../../core-services/auth/remote.ts";
import { DoError } from "../errors.ts";
import { problem } from "./problem.ts";

export interface AskedBefore {
  readonly request: Request;
  /** Where routes are matched: empty for the host of do itself. */
  readonly host: string;
  readonly path: string;
  readonly requestId: string;
}

/**
 * Answers a browser that asks whether a page of another origin may send a request: without a credential, which it never
 * has, and without asking a target.
 * @returns undefined for another request, and where no route says anything of other origins: then the target is asked
 */
export async function answeredPreflight(traffic: Remote<Traffic>, asked: AskedBefore): Promise<Response | undefined> {
  const { request, host, path, requestId } = asked;
  const preflight = preflightOf(request);
  if (!preflight) return undefined;
  const match = { method: preflight.method, host, path, headers: [...request.headers] };
  const routes = await traffic.possible(match, [...preflight.headers]);
  if (!routes.some(({ cors }) => cors)) return undefined;
  const answer = answerPreflight(
    routes.map(({ cors, match: { methods } }) => ({ cors, methods })),
    preflight,
  );
  if (answer.allowed) return new Response(null, { status: 204, headers: answer.headers });
  const refused = problem(new DoError("PERMISSION_DENIED", answer.why, { reason: answer.reason }), requestId);
  refused.headers.set("vary", PREFLIGHT_VARY);
  return refused;
}
