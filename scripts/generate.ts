/**
 * Makes what is generated: the modules of the guest, as text that the host puts into each isolate.
 * `--check` makes nothing and fails when a generated file is not what its sources say.
 */
import { readFile, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { enforcementTable } from "./enforcement.ts";

const root = join(import.meta.dirname, "..");
const guest = join(root, "workers/do/src/executor/guest");
const target = join(root, "workers/do/src/executor/guest.generated.ts");

/** The guard is a module of its own because the code imports it too; the others, because most code has no use for them. */
const someAreApart = apart(/\/(guard|console|respond|network|typed-input)\.ts$/);

function apart(which: RegExp): Plugin {
  return {
    name: "apart",
    setup(builder) {
      builder.onResolve({ filter: which }, ({ kind, path }) =>
        kind === "entry-point" ? undefined : { path: `${which.exec(path)?.[1]}.js`, external: true },
      );
    },
  };
}

/** The harness of functions is loaded once for many calls: it has all that one may need. */
const onlyGuardIsApart = apart(/\/(guard)\.ts$/);

async function bundle(entry: string, plugin = someAreApart): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    write: false,
    external: ["cloudflare:workers", "node:async_hooks", "user.js", "esbuild.wasm"],
    plugins: [plugin],
    legalComments: "none",
  });
  const [file] = outputFiles;
  if (!file) throw new Error(`esbuild made nothing of ${entry}`);
  return file.text.trim();
}

async function generated(): Promise<string> {
  const modules = {
    HARNESS_MODULE: await bundle(join(guest, "harness.ts")),
    GUARD_MODULE: await bundle(join(guest, "guard.ts")),
    CONSOLE_MODULE: await bundle(join(guest, "console.ts")),
    RESPOND_MODULE: await bundle(join(guest, "respond.ts")),
    NETWORK_MODULE: await bundle(join(guest, "network.ts")),
    TYPED_INPUT_MODULE: await bundle(join(guest, "typed-input.ts")),
    FUNCTION_HARNESS_MODULE: await bundle(join(guest, "function-harness.ts"), onlyGuardIsApart),
    FULL_COMPILER_MODULE: await bundle(join(guest, "full-compiler.ts")),
  };
  const constants = Object.entries(modules).map(([name, text]) => `export const ${name} =\n  ${JSON.stringify(text)};\n`);
  return `// Made by \`pnpm generate\` from the files in guest/. Do not edit.\n\n${constants.join("\n")}`;
}

/** The text between two markers of a document, made anew. */
async function document(path: string, marker: string, made: string): Promise<string> {
  const [begin, end] = [`<!-- made: ${marker} -->`, "<!-- end -->"];
  const [before, rest] = (await readFile(path, "utf8")).split(begin);
  if (before === undefined || rest === undefined) throw new Error(`${path} has no marker ${begin}`);
  return `${before}${begin}\n\n${made}\n\n${rest.slice(rest.indexOf(end))}`;
}

/** As the formatter writes it, which lines up the columns of tables. */
async function formatted(path: string, text: string): Promise<string> {
  const oxfmt = join(root, "node_modules/.bin/oxfmt");
  const { stdout, status, stderr } = spawnSync(oxfmt, ["--stdin-filepath", path], { input: text, encoding: "utf8", cwd: root });
  if (status !== 0) throw new Error(`oxfmt: ${stderr}`);
  return stdout;
}

const limits = join(root, "docs/limits.md");
const files = new Map([
  [target, await generated()],
  [limits, await formatted(limits, await document(limits, "enforcement", enforcementTable()))],
]);
for (const [path, text] of files) {
  const isSame = (await readFile(path, "utf8").catch(() => "")) === text;
  if (isSame) continue;
  if (!process.argv.includes("--check")) await writeFile(path, text);
  else {
    console.error(`${relative(root, path)} is not what its sources say: run \`pnpm generate\``);
    process.exitCode = 1;
  }
}
