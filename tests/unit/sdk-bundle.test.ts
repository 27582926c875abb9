import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { ROOT } from "../../host/src/bundle.ts";

it("the SDK imports nothing but itself, and runs where there is no Node", async () => {
  const entry = join(ROOT, "sdk/src/index.ts");
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs).toContain("sdk/src/connect.ts");
  expect(inputs.filter((path) => !path.startsWith("sdk/src/") || path.startsWith("sdk/src/cli/"))).toEqual([]);
  const text = outputFiles[0]?.text ?? "";
  expect(text).not.toMatch(/\b(?:process|Buffer|require|__dirname)\b/);
  // The oldest Node it is for, 20, and browsers of its age lack these.
  expect(text).not.toMatch(/\bPromise\.withResolvers\b|\bPromise\.try\b|\.fromAsync\b|\.groupBy\b|\.toBase64\(/);
});
