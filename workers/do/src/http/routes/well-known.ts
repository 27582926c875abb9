import { Hono } from "hono";
import { Session } from "../../session.ts";
import type { HttpEnv } from "../env.ts";

/** Documents that others find by a name that is the same everywhere (RFC 8615). */
export const wellKnown = new Hono<HttpEnv>().get("/.well-known/jwks.json", async (c) => {
  const jwks = (await Session.invoke(c.var.caller, "auth", "jwks", [])) as object;
  return c.json(jwks, 200, { "cache-control": "public, max-age=300" });
});
