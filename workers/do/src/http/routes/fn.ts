import { Hono, type Context } from "hono";
import { DoError } from "../../errors.ts";
import { functionPathOf, type FunctionPath } from "../../functions/http.ts";
import { Session } from "../../session.ts";
import { readBytes } from "../body.ts";
import type { HttpEnv } from "../env.ts";

/** Functions over HTTP. Whom they answer, the function decides with the gateway; `app.ts` lets nobody's requests come here too. */
export const fn = new Hono<HttpEnv>().all("/fn/:tenant/:function", (c) => dispatch(c)).all("/fn/:tenant/:function/*", (c) => dispatch(c));

async function dispatch(c: Context<HttpEnv>): Promise<Response> {
  const { url } = c.env;
  const path = pathOf(url);
  if (c.req.header("upgrade") !== undefined)
    throw new DoError("UNSUPPORTED", "A function cannot be reached by an upgrade", { reason: "UPGRADE" });
  return Session.fetchFunction(c.var.caller, { path, url, request: c.req.raw, readBytes });
}

/** @throws DoError NOT_FOUND, in the words of a function that is not there */
function pathOf({ pathname }: URL): FunctionPath {
  const path = functionPathOf(pathname);
  if (path) return path;
  throw new DoError("NOT_FOUND", "There is no such function", { reason: "NO_SUCH_FUNCTION" });
}
