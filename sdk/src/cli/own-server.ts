import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, BUNDLE_FILES, ROOT } from "../../../host/src/bundle.ts";
import { SMALL, startHost, type Host } from "../../../host/src/host.ts";
import { SILENT } from "../../../host/src/log.ts";

export interface OwnServer {
  readonly url: string;
  readonly key: string;
  close(): Promise<void>;
}

/** A host on a free port, with a data folder that goes when it does. */
export async function startOwnServer(): Promise<OwnServer> {
  const bundleDir = await freshBundle();
  const data = mkdtempSync(join(tmpdir(), "doer-"));
  const removeData = () => rmSync(data, { recursive: true, force: true });
  let host: Host;
  try {
    host = await startHost({ bundleDir, data, host: "127.0.0.1", port: 0, rootKey: undefined, log: SILENT, ...SMALL });
  } catch (error) {
    removeData();
    throw error;
  }
  // For the ways out that wait for nothing.
  const endNow = () => {
    host.kill();
    removeData();
  };
  process.once("exit", endNow);
  return {
    url: host.url,
    key: host.rootKey,
    close: async () => {
      await host.stop();
      removeData();
      process.off("exit", endNow);
    },
  };
}

/** The Worker's bundle, made anew when a source is newer. */
async function freshBundle(): Promise<string> {
  const dir = join(ROOT, "dist/host");
  const files = Object.values(BUNDLE_FILES);
  const times = files.map((file) => join(dir, file)).map((path) => (existsSync(path) ? statSync(path).mtimeMs : 0));
  if (Math.min(...times.slice(0, -1)) > newestSource() && times.at(-1) !== 0) return dir;
  // Built aside and moved: another process may be reading what is there.
  const aside = `${dir}.${process.pid}`;
  await bundle(aside);
  await mkdir(dir, { recursive: true });
  for (const file of files) await rename(join(aside, file), join(dir, file));
  await rm(aside, { recursive: true });
  return dir;
}

const SOURCES = [
  "workers/do/src",
  "workers/core-services",
  "workers/processes",
  "sdk/src",
  "host/src/bundle.ts",
  "package.json",
  "pnpm-lock.yaml",
];

/** Folders count too: their time is that of the last file that came or went. */
function newestSource(): number {
  const times = SOURCES.map((source) => join(ROOT, source))
    .filter((path) => existsSync(path))
    .flatMap((path) => [path, ...(statSync(path).isDirectory() ? below(path) : [])])
    .map((path) => statSync(path).mtimeMs);
  return Math.max(0, ...times);
}

function below(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" }).map((name) => join(dir, name));
}
