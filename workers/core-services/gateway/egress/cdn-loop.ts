/**
 * How a request that comes back to this deployment is known: each one that leaves says by whom it was passed on (RFC 8586,
 * `CDN-Loop`). The field is a list of names with parameters; ours is `do` with the id of the deployment, since a request
 * that goes through two of them is in no loop.
 */

/** How often a request may come back by its own targets. */
export const MAX_LOOPS = 5;
/** Of the field as it comes. Who passes on more has been around too often, too. */
export const MAX_LOOP_CHARACTERS = 4_096;

/** An entry of the list: what is between two commas that are in no quoted parameter. */
const ENTRY = /(?:"(?:[^"\\]|\\.)*"|[^",])+/g;

/** Pure. @param field as it came, or empty @param id of this deployment */
export function isLooping(field: string, id: string): boolean {
  if (field.length > MAX_LOOP_CHARACTERS) return true;
  return (field.match(ENTRY) ?? []).filter((entry) => isOurs(entry, id)).length >= MAX_LOOPS;
}

/** The field of a request that leaves. Pure. @param field of the request that it is made for, or empty */
export function passedOn(field: string, id: string): string {
  return field.trim() === "" ? ours(id) : `${field}, ${ours(id)}`;
}

function ours(id: string): string {
  return `do; id=${id}`;
}

function isOurs(entry: string, id: string): boolean {
  const [name = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
  return name === "do" && parameters.some((parameter) => parameter === `id=${id}` || parameter === `id="${id}"`);
}
