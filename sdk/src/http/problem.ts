import { DoError, toDoError } from "../errors.ts";

/** The error of an answer that is RFC 9457 problem details of do; else undefined. */
export function failureOf({ headers }: Response, text: string): DoError | undefined {
  if (!headers.get("content-type")?.startsWith("application/problem+json")) return undefined;
  try {
    return toDoError(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The error of an event in a stream. */
export function problemOf(data: unknown): DoError {
  return toDoError(data) ?? new DoError("UPSTREAM", "The server sent an error that is not one of do's", { reason: "NOT_DO" });
}
