import { DoError } from "../../errors.ts";
import { UsageError } from "../exit.ts";
import { printable } from "./printable.ts";
import { onStderr } from "./style.ts";

/** An error that is none of the code's, for people. */
export function problemText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = [`${onStderr.red("doer:")} ${printable(message)}`];
  if (error instanceof DoError) {
    // Whoever is just signing in needs no other credential.
    const lacksCredential = error.code === "UNAUTHENTICATED" && error.reason !== "BAD_SIGN_IN";
    if (lacksCredential) lines.push("Set DO_KEY, pass --key, or run doer login.");
    const facts = [error.code, error.reason, error.requestId].filter((fact) => fact !== undefined);
    lines.push(onStderr.dim(printable(facts.join(" "))));
  }
  return lines.join("\n");
}

/** The same for a program: the members of a DoError. */
export function problemJson(error: unknown): { error: Record<string, unknown> } {
  if (error instanceof DoError) {
    const { code, reason, message, retryable, retryAfterMs, details, requestId } = error;
    return { error: { code, reason, message, retryable, retryAfterMs, details, requestId } };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return { error: { code: "INVALID_ARGUMENT", reason: "USAGE", message, retryable: false } };
  return { error: { code: "INTERNAL", message, retryable: false } };
}
