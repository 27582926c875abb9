/**
 * Makes what is generated: the modules of the guest, as text that the host puts into each isolate.
 * `--check` makes nothing and fails when a generated file is not what its sources say.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const guest = join(root, "workers/do/src/executor/guest");
const target = join(root, "workers/do/src/executor/guest.generated.ts");

/** The guard is a module of its own because the code imports it too; the others, because most code has no use for them. */
const APART = /\/(guard|console|respond|typed-input)\.ts$/;

const someAreApart: Plugin = {
  name: "some-are-apart",
  setup(builder) {
    builder.onResolve({ filter: APART }, ({ kind, path }) =>
      kind === "entry-point" ? undefined : { path: `${APART.exec(path)?.[1]}.js`, external: true },
    );
  },
};

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    write: false,
    external: ["cloudflare:workers", "user.js", "esbuild.wasm"],
    plugins: [someAreApart],
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
    TYPED_INPUT_MODULE: await bundle(join(guest, "typed-input.ts")),
    FULL_COMPILER_MODULE: await bundle(join(guest, "full-compiler.ts")),
  };
  const constants = Object.entries(modules).map(([name, text]) => `export const ${name} =\n  ${JSON.stringify(text)};\n`);
  return `// Made by \`pnpm generate\` from the files in guest/. Do not edit.\n\n${constants.join("\n")}`;
}

const text = await generated();
if (process.argv.includes("--check")) {
  if ((await readFile(target, "utf8").catch(() => "")) !== text) {
    console.error("workers/do/src/executor/guest.generated.ts is not what its sources say: run `pnpm generate`");
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
