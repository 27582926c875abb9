import type { PackageEntrances } from "../functions/engine.ts";

/** What the code runs on, for packages that are different from place to place. */
const CONDITIONS: ReadonlySet<string> = new Set(["workerd", "worker", "browser", "import", "module", "production", "default"]);
const OR_REQUIRE: ReadonlySet<string> = new Set([...CONDITIONS, "require", "node"]);
const ENDINGS = ["", ".js", ".mjs", ".cjs", ".json", "/index.js", "/index.mjs", "/index.cjs"];

/**
 * Which file a specifier of a package is: `.`, `./mini`, and `#internal` for its own. Pure.
 * @param manifest package.json, which has `exports` and `imports`, or `module` and `main` (nodejs.org/api/packages.html)
 */
export function entrancesOf(manifest: Readonly<Record<string, unknown>>, paths: readonly string[]): PackageEntrances {
  const { exports: exported, imports } = manifest;
  const found = new Map<string, string>();
  const tables = [exported === undefined ? {} : tableOf(exported), isRecord(imports) ? imports : {}];
  for (const [key, target] of tables.flatMap((table) => Object.entries(table))) {
    for (const [specifier, path] of filesFor(key, target, paths)) if (!found.has(specifier)) found.set(specifier, path);
  }
  if (exported === undefined) {
    const main = [manifest["module"], manifest["main"], "index.js"]
      .map((named) => (typeof named === "string" ? existing(named, paths) : undefined))
      .find((path) => path !== undefined);
    if (main !== undefined) found.set(".", main);
  }
  return Object.fromEntries(found);
}

/** One target alone is that of `.`. */
function tableOf(exported: unknown): Record<string, unknown> {
  const isTable = isRecord(exported) && Object.keys(exported).some((key) => key.startsWith("."));
  return isTable ? exported : { ".": exported };
}

function filesFor(key: string, target: unknown, paths: readonly string[]): (readonly [specifier: string, path: string])[] {
  const path = targetOf(target, CONDITIONS) ?? targetOf(target, OR_REQUIRE);
  if (path === undefined) return [];
  if (!key.includes("*")) {
    const file = existing(path, paths);
    return file === undefined ? [] : [[key, file]];
  }
  // `./features/*` stands for what every file has in the place of the star.
  const [before = "", after = ""] = path.replace(/^\.\//, "").split("*");
  return paths
    .filter((one) => one.length > before.length + after.length && one.startsWith(before) && one.endsWith(after))
    .map((one) => [key.replace("*", one.slice(before.length, one.length - after.length)), one] as const);
}

function targetOf(target: unknown, conditions: ReadonlySet<string>): string | undefined {
  if (typeof target === "string") return target.startsWith("./") ? target : undefined;
  if (Array.isArray(target)) return target.map((one) => targetOf(one, conditions)).find((path) => path !== undefined);
  if (!isRecord(target)) return undefined;
  for (const [condition, value] of Object.entries(target)) {
    const path = conditions.has(condition) ? targetOf(value, conditions) : undefined;
    if (path !== undefined) return path;
  }
  return undefined;
}

function existing(path: string, paths: readonly string[]): string | undefined {
  const plain = path.replace(/^\.\//, "").replace(/\/$/, "");
  return ENDINGS.map((ending) => plain + ending).find((one) => paths.includes(one));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
