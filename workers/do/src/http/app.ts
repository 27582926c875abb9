import { Hono } from "hono";
import { newId } from "../../../core-services/shared/ids.ts";
import { DoError } from "../errors.ts";
import { Session } from "../session.ts";
import type { HttpEnv } from "./env.ts";
import { HttpError, problem } from "./problem.ts";
import { about } from "./routes/about.ts";
import { d1 } from "./routes/d1.ts";
import { db } from "./routes/db.ts";
import { execute } from "./routes/execute.ts";
import { executions } from "./routes/executions.ts";
import { openapi } from "./routes/openapi.ts";
import { rest } from "./routes/rest/rest.ts";
import { rpc } from "./routes/rpc.ts";

/** Read by anyone; every other route needs a principal. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/", "/health", "/ready", "/openapi.json"]);

const app = new Hono<HttpEnv>()
  .use(async (c, next) => {
    const caller = await callerOf(c.req.raw, c.env.session);
    const isAnonymous = Session.principalOf(caller).kind === "anonymous";
    // Cap'n Web brings its own authenticate().
    if (isAnonymous && !OPEN_PATHS.has(c.req.path) && c.req.path !== "/rpc") {
      throw new DoError("UNAUTHENTICATED", "Send a credential: Authorization: Bearer ...", { reason: "NO_CREDENTIAL" });
    }
    c.set("caller", caller);
    await next();
  })
  .route("/", about)
  .route("/", openapi)
  .route("/", execute)
  .route("/", executions)
  .route("/", rpc)
  .route("/", db)
  .route("/", d1)
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
app.onError((error, c) => problem(error, c.env.requestId));

/** Answers a request. `session` is whom the binding speaks for; a credential in the request comes first. */
export async function handle(request: Request, session: Session): Promise<Response> {
  const requestId = newId("req", Date.now());
  const answer = await app.fetch(request, { session, requestId });
  if (answer.webSocket) return answer;
  const response = new Response(answer.body, answer);
  response.headers.set("x-request-id", requestId);
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

function callerOf(request: Request, session: Session): Session | Promise<Session> {
  const header = request.headers.get("authorization");
  if (header === null) return session;
  const [, credential] = /^Bearer +([\w~+/.=-]+)$/i.exec(header) ?? [];
  if (credential === undefined) {
    throw new DoError("UNAUTHENTICATED", "The Authorization header must be: Bearer ...", { reason: "BAD_AUTHORIZATION_HEADER" });
  }
  return session.authenticate(credential);
}

function methodsByPath(): { method: string; pattern: RegExp }[] {
  return app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, pattern: new RegExp(`^${path.replaceAll(/:[^/]+/g, "[^/]+")}$`) }));
}
