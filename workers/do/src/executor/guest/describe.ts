import type { GuestError } from "./protocol.ts";

/** Anything can be thrown: an Error, null, an object whose getters throw. Three strings come out. */
export function describeError(thrown: unknown): GuestError {
  if (!(thrown instanceof Error))
    return { name: "Error", message: `The code threw ${text(() => show(thrown))}, which is no Error`, stack: "" };
  return { name: text(() => thrown.name) || "Error", message: text(() => thrown.message), stack: text(() => thrown.stack) };
}

function text(read: () => unknown): string {
  try {
    return String(read()).slice(0, 16_384);
  } catch {
    return "";
  }
}

function show(thrown: unknown): string {
  switch (typeof thrown) {
    case "bigint":
      return `${thrown}n`;
    case "symbol":
      return thrown.toString();
    case "function":
      return "a function";
    case "undefined":
      return "undefined";
    default:
      return JSON.stringify(thrown);
  }
}
