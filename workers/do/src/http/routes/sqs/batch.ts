import type { ReceiptOutcome } from "../../../../../../sdk/src/queue.ts";
import { invalidValue, SqsError } from "./errors.ts";

/** What the batches of SQS have in common: entries with ids, of which each fares on its own. */

const MAX_ENTRIES = 10;

export function checkEntries(entries: readonly { Id: string }[]): void {
  const prefix = "AWS.SimpleQueueService.";
  if (entries.length === 0)
    throw new SqsError("EmptyBatchRequest", "There should be at least one entry in the request.", `${prefix}EmptyBatchRequest`);
  if (entries.length > MAX_ENTRIES) {
    throw new SqsError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${MAX_ENTRIES}. You have sent ${entries.length}.`,
      `${prefix}TooManyEntriesInBatchRequest`,
    );
  }
  const bad = entries.find(({ Id }) => !/^[\w-]{1,80}$/.test(Id));
  if (bad)
    throw new SqsError(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      `${prefix}InvalidBatchEntryId`,
    );
  if (new Set(entries.map(({ Id }) => Id)).size !== entries.length)
    throw new SqsError(
      "BatchEntryIdsNotDistinct",
      "Two or more batch entries in the request have the same Id.",
      `${prefix}BatchEntryIdsNotDistinct`,
    );
}

export function failureOf(failed: ReceiptOutcome["failed"], receipt: string): SqsError | undefined {
  const failure = failed.find((one) => one.receipt === receipt);
  switch (failure?.reason) {
    case undefined:
      return undefined;
    case "INVALID":
      return new SqsError("ReceiptHandleIsInvalid", `The input receipt handle is invalid: ${failure?.message ?? ""}.`);
    case "TOO_LONG":
      return invalidValue(`Value for parameter VisibilityTimeout is invalid: ${failure?.message ?? ""}.`);
    default:
      return new SqsError(
        "MessageNotInflight",
        `The message is not in flight: ${failure?.message ?? ""}.`,
        "AWS.SimpleQueueService.MessageNotInflight",
      );
  }
}

export function partial<E extends { Id: string }>(entries: readonly E[], errorOf: (entry: E) => SqsError | undefined) {
  const failed = entries.flatMap((entry) => {
    const error = errorOf(entry);
    return error ? [{ Id: entry.Id, SenderFault: true, Code: error.type, Message: error.message }] : [];
  });
  const isFailed = new Set(failed.map(({ Id }) => Id));
  return { Successful: entries.filter(({ Id }) => !isFailed.has(Id)).map(({ Id }) => ({ Id })), Failed: failed };
}
