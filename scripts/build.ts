/** `pnpm build`: the bundle for the host, and what `wrangler deploy` would upload. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { bundle, ROOT } from "../host/src/bundle.ts";

await bundle(join(ROOT, "dist/host"));

const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin/wrangler.js");
// No call leaves the machine: no telemetry, no look-up of an update.
const env = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG_PATH: join(ROOT, ".wrangler/logs"),
  DO_NOT_TRACK: "1",
};
const { status } = spawnSync(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", join(ROOT, "dist/cloudflare")], {
  cwd: ROOT,
  env,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
