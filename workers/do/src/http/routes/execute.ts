import { Hono } from "hono";
import type { Policy } from "../../policy.ts";
import { Session } from "../../session.ts";
import type { HttpEnv } from "../env.ts";
import { readJson } from "../body.ts";
import { eventStream } from "../events.ts";

/** JSON writes some characters as two or more; what is over this can hold no code and input that are within theirs. */
function maxBodyBytes({ limits }: Policy): number {
  return 2 * (limits.codeBytes + limits.inputBytes) + 64 * 1024;
}

export const execute = new Hono<HttpEnv>().post("/execute", async (c) => {
  const { caller } = c.var;
  const request = await readJson(c.req.raw, maxBodyBytes(Session.policyOf(caller)));
  if (/\btext\/event-stream\b/.test(c.req.header("accept") ?? "")) return eventStream(caller, request, c.env.requestId);
  let id = "";
  const answer = await Session.executeText(caller, request, { sharesId: false, started: (started) => void (id = started), log: () => {} });
  return c.body(answer, 200, { "content-type": "application/json", "cache-control": "no-store", ...(id ? { "x-execution-id": id } : {}) });
});
