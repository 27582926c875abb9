import { DoError, toDoError } from "../../../../sdk/src/errors.ts";
import type { ExecutionAnswer, ServiceName } from "../../../../sdk/src/types.ts";
import type { Background } from "../../shared/background.ts";
import type { Target } from "../shapes.ts";
import { verdictOf, type Verdict } from "./verdict.ts";

/** A batch as its consumer gets it: plain data, or values of types that JSON does not have. */
export interface Batch {
  readonly queue: string;
  readonly messages: readonly BatchMessage[];
}

export interface BatchMessage {
  readonly id: string;
  readonly body: unknown;
  readonly attempts: number;
  readonly sentAt: string;
  readonly groupId?: string;
  readonly attributes: Record<string, unknown>;
}

/** Hands a batch to its consumer. What it throws is what happened to the whole batch. */
export async function deliver(target: Target, background: Background, batch: Batch): Promise<Verdict> {
  if ("code" in target) return byCode(target, background, batch);
  if ("function" in target) {
    const options = target.timeoutMs === undefined ? [] : [{ timeoutMs: target.timeoutMs }];
    return verdictOf(await background.call("gateway", "invoke", [target.function, batch, ...options]), batch);
  }
  if ("url" in target) return byHttp(target, background, batch);
  return byService(target, background, batch);
}

async function byCode(target: Extract<Target, { code: string }>, background: Background, batch: Batch): Promise<Verdict> {
  const { code, services, timeoutMs } = target;
  const answer = await background.execute({
    code,
    input: batch,
    ...(services ? { services } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  if (answer.success) return verdictOf(answer.result, batch);
  throw new DoError("UPSTREAM", saidBy(answer), { reason: answer.outcome.toUpperCase().replaceAll("-", "_") });
}

function saidBy({ id, outcome, error }: ExecutionAnswer): string {
  return `${id} ended with ${outcome}${error ? `: ${error.message}` : ""}`;
}

async function byHttp(target: Extract<Target, { url: string }>, background: Background, batch: Batch): Promise<Verdict> {
  const { url, headers = {}, timeoutMs = 30_000 } = target;
  const {
    status,
    headers: answered,
    body,
  } = await background.request({
    url,
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(batch),
    timeoutMs,
  });
  if (status >= 200 && status < 300) return verdictOf(asJson(body), batch);
  const seconds = Number(answered["retry-after"]);
  throw new DoError("UPSTREAM", `${new URL(url).host} answered ${status}`, {
    reason: "HTTP_STATUS",
    retryable: true,
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 43_200) * 1_000 : undefined,
  });
}

function asJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    // What is no verdict takes all.
    return undefined;
  }
}

/** One call for each message, whose body is the last argument. */
async function byService(target: Extract<Target, { service: string }>, background: Background, batch: Batch): Promise<Verdict> {
  const { service, method, params = [] } = target;
  const retry: { id: string; why: string }[] = [];
  for (const { id, body } of batch.messages) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- in the order in which they were sent
      await background.call(service as ServiceName, method, [...params, body]);
    } catch (error) {
      if (isRefused(error) || isLater(error)) throw error;
      retry.push({ id, why: error instanceof Error ? error.message : "it failed" });
    }
  }
  return { retry };
}

/** The sponsor may no longer: trying again changes nothing. */
export function isRefused(error: unknown): boolean {
  const code = toDoError(error)?.code;
  return code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED";
}

/** There is no room now, and nothing was attempted. */
export function isLater(error: unknown): boolean {
  const known = toDoError(error);
  return (
    known !== undefined &&
    known.retryable &&
    (known.code === "LIMIT_EXCEEDED" || known.code === "RATE_LIMITED" || known.code === "UNAVAILABLE")
  );
}
