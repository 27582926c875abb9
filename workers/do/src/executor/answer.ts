import type { EncodedAnswer, ExecutionAnswer } from "../../../../sdk/src/types.ts";
import { decodeValue } from "../../../../sdk/src/values.ts";

/** An answer as JSON text, with its result's types again. */
export function decodeAnswer(text: string): ExecutionAnswer {
  const { resultEncoding, ...answer } = JSON.parse(text) as EncodedAnswer;
  if (!resultEncoding || !("result" in answer)) return answer;
  return { ...answer, result: decodeValue({ value: answer.result, types: resultEncoding }) };
}
