import { Hono } from "hono";
import { Session } from "../../session.ts";
import type { HttpEnv } from "../env.ts";
import { ABOUT_PAGE } from "./page.ts";

const READY_FOR_MS = 1_000;
let readyUntilMs = 0;

const ABOUT = {
  name: "do",
  description: "Runs TypeScript that nobody has vetted, in milliseconds, next to your data.",
  version: "0.1.0",
  links: {
    execute: "/execute",
    executions: "/executions",
    auth: "/auth",
    rpc: "/rpc",
    openapi: "/openapi.json",
    health: "/health",
    ready: "/ready",
  },
};

/** What this is, whether it lives, and who the caller is. */
export const about = new Hono<HttpEnv>()
  .get("/", (c) => {
    if (!/\btext\/html\b/.test(c.req.header("accept") ?? "")) return c.json(ABOUT);
    return c.html(ABOUT_PAGE, 200, {
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      "referrer-policy": "no-referrer",
    });
  })
  .get("/health", (c) => c.json({ status: "up" }))
  .get("/ready", async (c) => {
    // Anyone may ask: a fresh isolate for each question would be a way to load the machine.
    if (Date.now() >= readyUntilMs) {
      readyUntilMs = Date.now() + READY_FOR_MS;
      await Session.tryExecutor(c.env.session).catch((error: unknown) => {
        readyUntilMs = 0;
        throw error;
      });
    }
    return c.json({ status: "ready" });
  })
  .get("/auth", (c) => c.json(Session.whoAmI(c.var.caller)));
