import type { HeaderChanges } from "./route.ts";

/** Headers with what a route sets and takes away. */
export function changed(headers: Headers, changes: HeaderChanges | undefined): Headers {
  const all = new Headers(headers);
  for (const name of changes?.remove ?? []) all.delete(name);
  for (const [name, value] of Object.entries(changes?.set ?? {})) all.set(name, value);
  return all;
}
