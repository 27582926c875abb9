import { Hono } from "hono";
import * as z from "zod";
import { SERVICES } from "../../../../../sdk/src/types.ts";
import { encodeValue } from "../../../../../sdk/src/values.ts";
import { isServiceName } from "../../capabilities.ts";
import { DoError, nearest, publicError } from "../../errors.ts";
import { Session } from "../../session.ts";
import { batchResponse, webSocketResponse } from "../capnweb.ts";
import type { HttpEnv } from "../env.ts";
import { readBytes, readJson } from "../body.ts";

const MAX_BODY_BYTES = 16 * 1024 * 1024;

const Call = z.strictObject({ params: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional() });

export const rpc = new Hono<HttpEnv>()
  .post("/rpc/:service/:method", async (c) => {
    const { service, method } = c.req.param();
    if (!isServiceName(service)) throw unknownService(service);
    const call = Call.safeParse(await readJson(c.req.raw, MAX_BODY_BYTES));
    if (!call.success) throw new DoError("INVALID_ARGUMENT", 'The body must be {"params": [...]} or {"params": {...}}');
    const result = await Session.invoke(c.var.caller, service, method, call.data.params ?? []);
    if (result instanceof ReadableStream) {
      await result.cancel();
      throw new DoError("UNSUPPORTED", `${service}.${method} answers a stream; over HTTP it is /${service}/${method}`, {
        reason: "STREAM",
      });
    }
    const { value, types } = encodeValue(result, "result");
    return c.json({ result: value ?? null, ...(Object.keys(types).length > 0 ? { resultEncoding: types } : {}) });
  })
  // Cap'n Web: a batch by POST, a session by WebSocket. Its root is the caller's Session.
  .post("/rpc", async (c) => {
    const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
    return batchResponse(c.req.raw, body, c.var.caller, sessionOptions(c.env.requestId));
  })
  .get("/rpc", (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new DoError("INVALID_ARGUMENT", "GET /rpc needs an upgrade to WebSocket; a batch goes by POST");
    }
    return webSocketResponse(c.var.caller, sessionOptions(c.env.requestId));
  });

function sessionOptions(requestId: string) {
  return {
    onSendError: (error: Error) => {
      const missing = error instanceof TypeError ? /^'([\w.$]{1,128})' is not a function\.$/.exec(error.message)?.[1] : undefined;
      if (missing) return withoutStack(new DoError("NOT_FOUND", `There is no method ${missing}`, { reason: "UNKNOWN_METHOD", requestId }));
      return isOfProtocol(error) ? undefined : withoutStack(publicError(error, requestId));
    },
  };
}

/** Cap'n Web sends a stack that an error has, and ours name our files. */
function withoutStack(error: DoError): DoError {
  delete error.stack;
  return error;
}

/** A peer that hung up, a message that is none: the peer's doing, not a defect. */
function isOfProtocol(error: Error): boolean {
  return error instanceof SyntaxError || error.message.startsWith("Peer closed") || error.message.startsWith("bad RPC message");
}

function unknownService(name: string): DoError {
  const meant = nearest(name, SERVICES);
  return new DoError(
    "NOT_FOUND",
    `There is no such service${meant ? `; did you mean "${meant}"?` : `; there are ${SERVICES.join(", ")}`}`,
    { reason: "UNKNOWN_SERVICE" },
  );
}
