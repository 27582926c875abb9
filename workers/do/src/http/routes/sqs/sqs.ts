import { Hono } from "hono";
import { Session } from "../../../session.ts";
import { SQS_PATH } from "../../../authenticate-signature.ts";
import { readBytes } from "../../body.ts";
import type { HttpEnv } from "../../env.ts";
import { act } from "./actions.ts";
import { SqsError } from "./errors.ts";

/** A batch at its limit, with each character escaped. */
export const SQS_BODY_BYTES = 8 * 1024 * 1024;
const TARGET = /^AmazonSQS\.(\w{1,64})$/;

/**
 * The JSON protocol of Amazon SQS, as its SDK calls it with `endpoint: "<server>/sqs"`. The account in the URL of a queue is
 * the caller's own tenant: it is checked, and chooses nothing.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
 */
export const sqs = new Hono<HttpEnv>().on("POST", [SQS_PATH, `${SQS_PATH}/`, `${SQS_PATH}/:tenant/:queue`], async (c) => {
  const [, target] = TARGET.exec(c.req.header("x-amz-target") ?? "") ?? [];
  if (target === undefined) throw new SqsError("InvalidAction", "The header X-Amz-Target must be AmazonSQS.<action>.");
  const { tenant } = Session.principalOf(c.var.caller);
  const place = { origin: new URL(c.req.url).origin, tenant };
  const input = jsonOf(await readBytes(c.req.raw, SQS_BODY_BYTES));
  const answer = await act(target, input, {
    place,
    queue: (method, ...params) => Session.invoke(c.var.caller, "queue", method, params),
  });
  return c.body(JSON.stringify(answer), 200, { "content-type": "application/x-amz-json-1.0", "x-amzn-requestid": c.env.requestId });
});

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)) as unknown;
  } catch {
    throw new SqsError("SerializationException", "The body must be JSON.");
  }
}

export function isSqs(path: string): boolean {
  return path === SQS_PATH || path.startsWith(`${SQS_PATH}/`);
}
