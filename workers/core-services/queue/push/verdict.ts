import * as z from "zod";
import { QUEUE_LIMITS } from "../limits.ts";

/** What a consumer has decided: all that is not named is done. */
export interface Verdict {
  readonly retry: readonly { readonly id: string; readonly delaySeconds?: number | undefined; readonly why?: string | undefined }[];
}

const Retry = z.union([
  z.string().transform((id) => ({ id })),
  z.object({ id: z.string(), delaySeconds: z.number().min(0).max(QUEUE_LIMITS.leaseSeconds).optional() }),
]);
const Said = z.object({ retry: z.array(Retry).max(QUEUE_LIMITS.batchMessages) });
/** As functions of AWS Lambda say it. */
const SaidOfLambda = z.object({
  batchItemFailures: z.array(z.object({ itemIdentifier: z.string() }).transform(({ itemIdentifier: id }) => ({ id }))),
});

/**
 * `{ retry: [id, { id, delaySeconds }] }`, or `{ batchItemFailures: [{ itemIdentifier }] }`. Anything without either of the two takes the whole
 * batch; one of the two that is not well formed fails it, since acknowledging what was not meant would lose it.
 */
export function verdictOf(said: unknown, { messages }: { messages: readonly { id: string }[] }): Verdict {
  if (typeof said !== "object" || said === null) return { retry: [] };
  const retry = "retry" in said ? Said.parse(said).retry : "batchItemFailures" in said ? SaidOfLambda.parse(said).batchItemFailures : [];
  const known = new Set(messages.map(({ id }) => id));
  const unknown = retry.find(({ id }) => !known.has(id));
  if (unknown) throw new Error("The consumer asked for another try of a message that is not in its batch");
  return { retry };
}
