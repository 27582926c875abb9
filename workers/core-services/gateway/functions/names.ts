import * as z from "zod";

/** One part of a name: what a URL, a log line and a scope can hold as it is. */
const PART = "[A-Za-z0-9_][A-Za-z0-9_-]{0,59}";

/** `shop`, or `customers/shop` for a function of a namespace. */
export const FunctionName = z
  .string()
  .regex(
    new RegExp(`^(?:${PART}/)?${PART}$`),
    "must be 1 to 60 letters, digits, _ and -, perhaps with the same as a namespace before it: customers/shop",
  );

export const NamespaceName = z.string().regex(new RegExp(`^${PART}$`), "must be 1 to 60 letters, digits, _ and -");

const WHOLE_NAME = new RegExp(`^${PART}$`);

/** Whether a text from outside, as a part of a path, can be a name. */
export function isPlainName(text: string): boolean {
  return WHOLE_NAME.test(text);
}

/** The principal that a function's code is. A slash has no place in an id. */
export function principalIdOf(name: string): string {
  return `fn:${name.replace("/", ":")}`;
}

/** `sha256` in hex, cut; what is deployed twice is one version. */
export const VersionId = z.string().regex(/^ver_[0-9a-f]{32}$/, "must be the id of a version: ver_...");

/** Names of bindings, variables and secrets: what code can say as env.NAME. */
export const BindingName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, "must be 1 to 64 letters, digits and _, and not begin with a digit")
  .refine((name) => name !== "DO" && name !== "__proto__", "is taken");

export const Tag = z.string().regex(/^[A-Za-z0-9_.:@=-]{1,128}$/, "must be 1 to 128 letters, digits and _.:@=-");
