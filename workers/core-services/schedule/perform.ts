import { encodeValue } from "../../../sdk/src/values.ts";
import type { Background, HttpAnswer } from "../shared/background.ts";
import type { Performed, Work } from "./agenda/world.ts";
import { failureOf, failureOfAnswer, failureOfStatus, placesOf } from "./decide/failure.ts";
import { fill } from "./fill.ts";

/** Does the work of a run through what acts for its sponsor. */
export async function perform(background: Background, work: Work, onStarted: (executionId: string) => void): Promise<Performed> {
  try {
    return await performed(background, work, onStarted);
  } catch (error) {
    return { ok: false, failure: failureOf(error), isCancelled: false, places: placesOf(error) };
  }
}

async function performed(background: Background, { action, input: given, run }: Work, onStarted: (id: string) => void): Promise<Performed> {
  const input = fill(given, run);
  if ("code" in action) {
    const answer = await background.execute({ ...action, ...(input === undefined ? {} : { input }) }, onStarted);
    const failure = failureOfAnswer(answer);
    if (failure) return { ok: false, failure, isCancelled: answer.outcome === "cancelled", executionId: answer.id };
    return { ...done(answer.result), executionId: answer.id };
  }
  if ("function" in action)
    return done(await background.call("gateway", "invoke", [action.function, ...(input === undefined ? [] : [input])]));
  if ("queue" in action) {
    const { queue, message, options } = fill(action, run);
    // Sent again after an answer that was lost, it is the same message.
    return done(await background.call("queue", "send", [queue, message, { idempotencyKey: run.id, ...options }]));
  }
  if ("http" in action) return httpDone(await background.request(fill(action.http, run)));
  const { service, method, params } = fill(action, run);
  return done(await background.call(service, method, params ?? []));
}

function httpDone(answer: HttpAnswer): Performed {
  const failure = failureOfStatus(answer.status);
  return failure ? { ok: false, failure, isCancelled: false } : done(answer);
}

async function cancelStream(stream: ReadableStream): Promise<void> {
  await stream.cancel().catch(() => {});
}

function done(result: unknown): Performed {
  if (result instanceof ReadableStream) {
    void cancelStream(result);
    const failure = {
      code: "UNSUPPORTED",
      reason: "STREAM",
      message: "The method answers a stream, which a run cannot keep",
      kind: "final",
    } as const;
    return { ok: false, failure, isCancelled: false };
  }
  const { value, types } = encodeValue(result, "result");
  return { ok: true, result: value, types };
}
