import { DoError } from "../errors.ts";
import { encodeValue, ValueError } from "../values.ts";

/**
 * The members of a request as JSON text; `what` names it in errors. HTTP requests are plain JSON: what JSON would change on the way is refused,
 * with its path. Members that are undefined are left out, as JSON does.
 * @throws DoError INVALID_ARGUMENT
 */
export function toPlainJson(members: object, what: string): string {
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) checkPlain(value, name, what);
  }
  return JSON.stringify(members);
}

function checkPlain(value: unknown, root: string, what: string): void {
  for (const [pointer, type] of Object.entries(typesOf(value, root, what))) {
    const { path, isMember } = locate(value, root, pointer);
    const isCycle = type.startsWith("ref:") && `${pointer}/`.startsWith(`${type.slice(4)}/`);
    // The same object in two places is two equal objects to JSON; only one inside itself has no end.
    if (isCycle) throw refused(what, `${path} is inside itself`);
    if (type.startsWith("ref:") || (type === "undefined" && isMember)) continue;
    throw refused(what, `${path} is ${NAMES[type] ?? `a ${type}`}, which JSON does not have`);
  }
}

const NAMES: Record<string, string> = {
  number: "NaN, infinite or -0",
  undefined: "undefined",
  Error: "an Error",
  ArrayBuffer: "an ArrayBuffer",
};

function typesOf(value: unknown, root: string, what: string): Record<string, string> {
  try {
    return encodeValue(value, root).types;
  } catch (error) {
    if (error instanceof ValueError) throw refused(what, error.message);
    throw error;
  }
}

function refused(what: string, problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot send ${what}: ${problem}`, { reason: "NOT_JSON" });
}

/** A JSON Pointer as a path for people, and whether it ends in a member of an object. */
function locate(root: unknown, name: string, pointer: string): { path: string; isMember: boolean } {
  let at = root;
  let path = name;
  let isMember = false;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    isMember = !Array.isArray(at);
    if (!isMember) path += `[${key}]`;
    else path += /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    at = (at as Record<string, unknown> | undefined)?.[key];
  }
  return { path, isMember };
}
