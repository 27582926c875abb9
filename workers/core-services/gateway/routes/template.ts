import { groupsOf } from "./pattern.ts";
import type { Route } from "./route.ts";

/** What stands in braces in a target's URL: a `:name` of the route's path, or `0` and `1` for its `*`. */
const PLACE = /\{(\w+)\}/g;

/** What is wrong with the URL of an upstream, or undefined. Places are in the path alone: a request never says which host is asked. */
export function templateProblem(template: string, pattern: string): string | undefined {
  const filled = template.replaceAll(PLACE, "x");
  if (/[{}]/.test(filled)) return "has a brace that is no {name}";
  if (!URL.canParse(filled)) return "is no URL";
  const url = new URL(filled);
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must be http or https";
  if (url.username !== "" || url.password !== "" || url.hash !== "") return "must have no user, password and fragment";
  const [, path = ""] = /^[a-z]+:\/\/[^/?{}]+(\/[^?]*)?(?:\?[^{}]*)?$/.exec(template) ?? [undefined, undefined];
  if (template.replace(path, "").includes("{")) return "may have {name} in its path only";
  if (url.pathname !== pathIn(filled))
    return "must have a path that is spelled as in a URL, without . and .. and with what needs it percent-encoded";
  const known = groupsOf(pattern);
  const unknown = [...template.matchAll(PLACE)].map(([, name = ""]) => name).find((name) => !known.includes(name));
  return unknown === undefined ? undefined : `has {${unknown}}, and the route's path has ${known.join(", ") || "no :name and no *"}`;
}

/**
 * The URL that is asked, with the query of the request. What is put in is as it was in the request's own URL, where no dot
 * segment is left; what would change the path above it is refused.
 */
export function fill(
  template: string,
  { match }: Pick<Route, "match">,
  groups: Readonly<Record<string, string>>,
  search: string,
): URL | undefined {
  const names = new Set(groupsOf(match.path));
  const text = template.replaceAll(PLACE, (_, name: string) =>
    names.has(name) && Object.hasOwn(groups, name) ? (groups[name] ?? "") : "",
  );
  const url = new URL(text);
  if (url.pathname !== pathIn(text)) return undefined;
  if (search !== "") url.search = url.search === "" ? search : `${url.search}&${search.slice(1)}`;
  return url;
}

/** The path of a URL, as it is written. */
function pathIn(text: string): string {
  const [, path = ""] = /^[a-z]+:\/\/[^/?]+([^?]*)/.exec(text) ?? [];
  return path === "" ? "/" : path;
}
