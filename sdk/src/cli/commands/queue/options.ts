import { UsageError } from "../../exit.ts";

/** A whole number that was typed; what it may be, the server says. */
export function wholeNumber(option: string, typed: unknown): number | undefined {
  const said = text(typed);
  if (said === undefined) return undefined;
  if (!/^\d{1,9}$/.test(said)) throw new UsageError(`${option} must be a whole number, got ${said}`);
  return Number(said);
}

export function text(typed: unknown): string | undefined {
  return typeof typed === "string" ? typed : undefined;
}
