import { Hono } from "hono";
import { isLooping, MAX_LOOPS } from "../../../core-services/gateway/egress/cdn-loop.ts";
import { deploymentIdOf } from "../../../core-services/gateway/routes/routed-tenants.ts";
import { SQS } from "../authenticate-signature.ts";
import { DoError } from "../errors.ts";
import { Session } from "../session.ts";
import { readBytes } from "./body.ts";
import type { HttpEnv } from "./env.ts";
import { HttpError, problem } from "./problem.ts";
import { rateFields } from "./rate.ts";
import { answerRouted, placeOf } from "./routed.ts";
import { about } from "./routes/about.ts";
import { d1 } from "./routes/d1.ts";
import { db } from "./routes/db.ts";
import { execute } from "./routes/execute.ts";
import { executions } from "./routes/executions.ts";
import { fn } from "./routes/fn.ts";
import { oauth } from "./routes/oauth.ts";
import { openapi } from "./routes/openapi.ts";
import { queues } from "./routes/queues.ts";
import { rest } from "./routes/rest/rest.ts";
import { rpc } from "./routes/rpc.ts";
import { wfp } from "./routes/wfp/wfp.ts";
import { sqsProblem } from "./routes/sqs/errors.ts";
import { isSqs, sqs, SQS_BODY_BYTES } from "./routes/sqs/sqs.ts";
import { wellKnown } from "./routes/well-known.ts";

const CLIENT_PATHS: ReadonlySet<string> = new Set(["/token", "/revoke", "/register"]);

/** Read by anyone; every other route needs a principal. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  "/",
  "/health",
  "/ready",
  "/openapi.json",
  "/.well-known/jwks.json",
  "/.well-known/oauth-authorization-server",
  "/.well-known/oauth-protected-resource",
  "/.well-known/oauth-protected-resource/mcp",
  // The client's own credentials, and the user's, are in the body.
  "/authorize",
  "/token",
  "/revoke",
  "/register",
  // The credential is among the arguments.
  "/rpc/auth/signIn",
  "/rpc/auth/refreshSession",
]);

const app = new Hono<HttpEnv>()
  .use(async (c, next) => {
    const caller = await callerOf(c.req.raw, c.req.path, c.env.session);
    // Cap'n Web brings its own authenticate(), and counts each call.
    const isOpen = OPEN_PATHS.has(c.req.path) || c.req.path === "/rpc";
    // Whether a function answers nobody in particular is for the function to say.
    if (Session.isNobody(caller) && !isOpen && !c.req.path.startsWith("/fn/")) {
      throw new DoError("UNAUTHENTICATED", "Send a credential: Authorization: Bearer ...", { reason: "NO_CREDENTIAL" });
    }
    // Who came with a credential was counted with it.
    if (caller === c.env.session && !isOpen) await Session.count(caller);
    c.set("caller", caller);
    await next();
    const rates = Session.ratesOf(caller);
    if (rates.length > 0) for (const [name, value] of rateFields(rates)) c.res.headers.set(name, value);
  })
  .route("/", about)
  .route("/", openapi)
  .route("/", wellKnown)
  .route("/", oauth)
  .route("/", execute)
  .route("/", executions)
  .route("/", fn)
  .route("/", wfp)
  .route("/", rpc)
  .route("/", db)
  .route("/", d1)
  .route("/", sqs)
  .route("/", queues)
  .route("/", rest);

/** The methods of each route, for those who ask with another. */
const METHODS = methodsByPath();

app.notFound((c) => {
  const allowed = METHODS.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method);
  if (allowed.length > 0) {
    throw new HttpError(405, "METHOD_NOT_ALLOWED", `The method must be ${allowed.join(" or ")}, got ${c.req.method}`, {
      allow: allowed.join(", "),
    });
  }
  throw new DoError("NOT_FOUND", "There is no such route; GET / names those there are", { reason: "UNKNOWN_ROUTE" });
});
app.onError((error, c) => (isSqs(c.req.path) ? sqsProblem : problem)(error, c.env.requestId));

/** Answers a request. `session` is whom the binding speaks for; a credential in the request comes first. */
export async function handle(request: Request, url: URL, session: Session): Promise<Response> {
  const requestId = Session.requestIdOf(session);
  const place = placeOf(url, session);
  const answer =
    (await refusedLoop(session)) ??
    (place ? await answerRouted(request, session, place) : await app.fetch(request, { session, requestId, url }));
  if (answer.webSocket) return answer;
  const response = new Response(answer.body, answer);
  if (answer.status === 401 || answer.status === 403) challenge(response.headers, session, url.pathname);
  response.headers.set("x-request-id", requestId);
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

/** The answer to a request that do itself has sent, and that has come back too often (RFC 8586). */
async function refusedLoop(session: Session): Promise<Response | undefined> {
  const { circumstances, env } = Session.depsOf(session);
  const { cdnLoop, requestId } = circumstances;
  if (cdnLoop === "" || !isLooping(cdnLoop, await deploymentIdOf(env))) return undefined;
  const why = `The request came back ${MAX_LOOPS} times: what it leads to, leads to itself`;
  return problem(new HttpError(508, "LOOP_DETECTED", why), requestId);
}

/** Says, to who is asked for other credentials, where they are to be had (RFC 9728, section 5.1). */
function challenge(headers: Headers, session: Session, path: string): void {
  const issuer = Session.issuerOf(session);
  const challenged = headers.get("www-authenticate");
  if (issuer === undefined || !challenged?.startsWith("Bearer")) return;
  const resource = /^\/mcp(?:\/|$)/.test(path) ? "/mcp" : "";
  headers.set("www-authenticate", `${challenged}, resource_metadata="${issuer}/.well-known/oauth-protected-resource${resource}"`);
}

function callerOf(request: Request, path: string, session: Session): Session | Promise<Session> {
  const header = request.headers.get("authorization");
  // A client of OAuth sends its own credentials this way (RFC 6749, section 2.3.1): not those of a caller.
  if (header === null || CLIENT_PATHS.has(path)) return session;
  if (header.startsWith("AWS4-") && isSqs(path)) return signedCaller(request, session);
  const [, credential] = /^Bearer +([\w~+/.=:-]+)$/i.exec(header) ?? [];
  if (credential === undefined) {
    throw new DoError("UNAUTHENTICATED", "The Authorization header must be: Bearer ...", { reason: "BAD_AUTHORIZATION_HEADER" });
  }
  return session.authenticate(credential);
}

/** What was signed is also the body, which is read here and once more by its route. */
async function signedCaller(request: Request, session: Session): Promise<Session> {
  const body = await readBytes(request.clone(), SQS_BODY_BYTES);
  return Session.signed(session, request, body, SQS);
}

function methodsByPath(): { method: string; pattern: RegExp }[] {
  return app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, pattern: new RegExp(`^${path.replaceAll(/:[^/]+/g, "[^/]+")}$`) }));
}
