import { DoError } from "./errors.ts";
import { OUTCOMES, type EncodedAnswer, type ExecutionAnswer } from "./types.ts";
import { decodeValue, encodeValue } from "./values.ts";

/** An answer as JSON gives it, with its result's types again. @throws DoError UPSTREAM when it is none */
export function decodeAnswer(sent: unknown): ExecutionAnswer {
  if (!isAnswer(sent)) throw new DoError("UPSTREAM", "The server sent an answer that is not one of do's");
  const { resultEncoding, ...answer } = sent;
  return resultEncoding ? { ...answer, result: decodeResult(answer.result, resultEncoding) } : answer;
}

/** A value that travelled beside its types. @throws DoError UPSTREAM when the two do not fit */
export function decodeResult(value: unknown, types: unknown): unknown {
  if (types === undefined) return value;
  try {
    return decodeValue({ value, types: types as EncodedAnswer["resultEncoding"] & object });
  } catch {
    throw new DoError("UPSTREAM", "The server sent a value that does not fit its types");
  }
}

/** The answer as JSON can hold it: the way back of `decodeAnswer`. */
export function encodeAnswer(answer: ExecutionAnswer): EncodedAnswer {
  if (answer.result === undefined) return answer;
  const { value, types } = encodeValue(answer.result, "result");
  return { ...answer, result: value, ...(Object.keys(types).length > 0 ? { resultEncoding: types } : {}) };
}

function isAnswer(sent: unknown): sent is EncodedAnswer {
  if (typeof sent !== "object" || sent === null) return false;
  const { outcome, logs } = sent as Partial<EncodedAnswer>;
  return OUTCOMES.some((known) => known === outcome) && Array.isArray(logs);
}
