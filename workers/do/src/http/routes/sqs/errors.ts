import type { ErrorCode } from "../../../../../../sdk/src/errors.ts";
import { publicError } from "../../../errors.ts";

/** An error as SQS names it; the second name is the one of its older protocol, which clients still read from a header. */
export class SqsError extends Error {
  readonly type: string;
  readonly queryCode: string;
  readonly status: number;

  constructor(type: string, message: string, queryCode = type, status = 400) {
    super(message);
    this.type = type;
    this.queryCode = queryCode;
    this.status = status;
  }
}

export const noSuchQueue = () =>
  new SqsError("QueueDoesNotExist", "The specified queue does not exist.", "AWS.SimpleQueueService.NonExistentQueue");
export const invalidValue = (message: string) => new SqsError("InvalidParameterValue", message);
export const missing = (name: string) => new SqsError("MissingParameter", `The request must contain the parameter ${name}.`);

/** What our reasons are to SQS. */
const BY_REASON: Readonly<Record<string, (message: string) => SqsError>> = {
  QUEUE_NOT_FOUND: noSuchQueue,
  QUEUE_EXISTS: (message) => new SqsError("QueueNameExists", message, "QueueAlreadyExists"),
  GROUP_MISSING: () => missing("MessageGroupId"),
  IN_FLIGHT: (message) => new SqsError("OverLimit", message),
  BATCH_TOO_LARGE: (message) => new SqsError("BatchRequestTooLong", message, "AWS.SimpleQueueService.BatchRequestTooLong"),
  REQUEST_EXPIRED: (message) => new SqsError("RequestExpired", message, "RequestExpired", 403),
  SIGNATURE_DOES_NOT_MATCH: (message) => new SqsError("SignatureDoesNotMatch", message, "SignatureDoesNotMatch", 403),
  BAD_CREDENTIAL: (message) => new SqsError("InvalidClientTokenId", message, "InvalidClientTokenId", 403),
  NO_CREDENTIAL: () => new SqsError("MissingAuthenticationToken", "The request must be signed.", "MissingAuthenticationToken", 403),
};

const BY_CODE: Partial<Record<ErrorCode, readonly [type: string, status: number]>> = {
  INVALID_ARGUMENT: ["InvalidParameterValue", 400],
  TOO_LARGE: ["InvalidParameterValue", 400],
  UNPROCESSABLE: ["InvalidParameterValue", 400],
  UNAUTHENTICATED: ["InvalidClientTokenId", 403],
  PERMISSION_DENIED: ["AccessDeniedException", 403],
  NOT_FOUND: ["ResourceNotFoundException", 404],
  LIMIT_EXCEEDED: ["OverLimit", 403],
  RATE_LIMITED: ["RequestThrottled", 403],
  UNAVAILABLE: ["ServiceUnavailable", 503],
};

/**
 * Any error as the JSON protocol of SQS has it.
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
export function sqsProblem(error: unknown, requestId: string): Response {
  const { type, queryCode, status, message } = error instanceof SqsError ? error : translated(error, requestId);
  const fault = status >= 500 ? "Receiver" : "Sender";
  return new Response(JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message }), {
    status,
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amzn-query-error": `${queryCode};${fault}`,
      "x-amzn-requestid": requestId,
      "cache-control": "no-store",
    },
  });
}

function translated(error: unknown, requestId: string): SqsError {
  const { code, reason, message } = publicError(error, requestId);
  const known = reason === undefined || !Object.hasOwn(BY_REASON, reason) ? undefined : BY_REASON[reason];
  if (known) return known(message);
  const [type, status] = BY_CODE[code] ?? ["InternalFailure", 500];
  return new SqsError(type, message, type, status);
}
