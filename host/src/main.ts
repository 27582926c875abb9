/** `pnpm start` and `pnpm dev`. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle, bundleOnChange, ROOT } from "./bundle.ts";
import { DEFAULT_SHARDS } from "./data-folder.ts";
import { DEFAULT_EXECUTORS, DEFAULT_MEMORY_MB, sizeFor } from "./defaults.ts";
import { startHost, type Host } from "./host.ts";
import { humanLog, jsonLog } from "./log.ts";
import type { Size } from "./pool/share.ts";
import { isLoopback } from "./safety.ts";

const USAGE = `Usage: pnpm start [options]

  --port N             port to listen on (8787)
  --host ADDR          address to listen on (127.0.0.1)
  --data DIR           data folder (./.do)
  --config FILE        tiers, issuers and the like, as JSON (docs/auth.md)
  --executors MIN-MAX  processes that run code: at least, and at most at a time (${DEFAULT_EXECUTORS.min}-${DEFAULT_EXECUTORS.max})
  --stores N           processes that keep the tenants' databases; fixed when the data folder is made (${DEFAULT_SHARDS})
  --memory MB          the most memory that a tier may give an execution (${DEFAULT_MEMORY_MB})
  --tls-cert FILE      certificate chain, PEM; with --tls-key it serves HTTPS
  --tls-key FILE       its key, PEM
  --regexp-fallback    run patterns that backtrack without end by another engine; each execution takes 0.6 ms more
  --public             allow an address that is not loopback
  --unsafe             allow code to run without a sandbox of the operating system where that is dangerous
`;

interface Arguments {
  isDev: boolean;
  port: number;
  host: string;
  data: string;
  executors: Size;
  stores: number | undefined;
  maxMemoryMb: number;
  config: string | undefined;
  regexpFallback: boolean;
  isUnsafeAllowed: boolean;
  tls: { certFile: string; keyFile: string } | undefined;
}

class UsageError extends Error {}

function readArguments(): Arguments {
  const { values } = parseArguments();
  const { host, data } = values;
  if (isIP(host) === 0 && host !== "localhost") throw new UsageError(`--host must be an IP address, got ${host}`);
  if (!isLoopback(host) && !values.public) throw new UsageError(`--host ${host} can be reached from elsewhere: say --public too`);
  return {
    isDev: values.dev,
    port: integer("port", values.port, 0, 65_535),
    host,
    data,
    executors: sizeOf(values.executors),
    stores: values.stores === undefined ? undefined : integer("stores", values.stores, 1, 64),
    maxMemoryMb: integer("memory", values.memory, 64, 16_384),
    config: values.config,
    regexpFallback: values["regexp-fallback"],
    isUnsafeAllowed: values.unsafe,
    tls: tlsOf(values["tls-cert"], values["tls-key"]),
  };
}

function tlsOf(certFile: string | undefined, keyFile: string | undefined): Arguments["tls"] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) throw new UsageError("--tls-cert and --tls-key belong together");
  return { certFile, keyFile };
}

/** `4-16`, or one number for both. */
function sizeOf(text: string): Size {
  const [, least, most = least] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text) ?? [];
  const [min, max] = [Number(least), Number(most)];
  if (!(min >= 1 && max >= min && max <= 256)) throw new UsageError(`--executors must be MIN-MAX, from 1 to 256, got ${text}`);
  return sizeFor(min, max);
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text === "" || !Number.isInteger(value) || value < least || value > most) {
    throw new UsageError(`--${name} must be ${least} to ${most}, got ${text}`);
  }
  return value;
}

function parseArguments() {
  try {
    return parseArgs({
      options: {
        port: { type: "string", default: "8787" },
        host: { type: "string", default: "127.0.0.1" },
        data: { type: "string", default: "./.do" },
        executors: { type: "string", default: `${DEFAULT_EXECUTORS.min}-${DEFAULT_EXECUTORS.max}` },
        stores: { type: "string" },
        memory: { type: "string", default: String(DEFAULT_MEMORY_MB) },
        config: { type: "string" },
        "tls-cert": { type: "string" },
        "tls-key": { type: "string" },
        "regexp-fallback": { type: "boolean", default: false },
        public: { type: "boolean", default: false },
        unsafe: { type: "boolean", default: false },
        dev: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "bad arguments");
  }
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new UsageError(`--config ${file} cannot be read`);
  }
}

async function main(): Promise<void> {
  const { isDev, config: configFile, ...where } = readArguments();
  const config = configFile === undefined ? undefined : readConfig(configFile);
  const bundleDir = join(ROOT, "dist/host");
  await bundle(bundleDir);
  const log = process.stderr.isTTY ? humanLog(console.error) : jsonLog(console.error, () => new Date());
  const host = await startHost({
    ...where,
    bundleDir,
    rootKey: process.env["DO_ROOT_KEY"],
    secretsKey: process.env["DO_SECRETS_KEY"],
    config,
    log,
  });
  if (host.isNewKey)
    console.log(
      `The root key of this data folder, shown once and kept in ${join(where.data, "root.key")}:\n\n  export DO_KEY=${host.rootKey}\n`,
    );
  console.log(CONFINEMENT_WORDS[host.confinement]);
  console.log(`do is ready on ${host.url}`);
  endOnSignals(host, isDev);
  if (isDev) await restartOnChange(host, bundleDir);
}

const CONFINEMENT_WORDS = {
  bubblewrap: "Code runs in bubblewrap: no network, no files but its own, an unprivileged user.",
  user: "Code runs as an unprivileged user with bounds on memory and files; bubblewrap is not there or not allowed.",
  limits: "Code runs as this user with bounds on memory and files; bubblewrap is not there or not allowed.",
} as const;

function endOnSignals(host: Host, isDev: boolean): void {
  const end = () => void (isDev ? host.stop() : host.drain()).then(() => process.exit(0));
  process
    .once("SIGINT", end)
    .once("SIGTERM", end)
    .on("SIGHUP", () => host.reloadCertificate());
}

async function restartOnChange(host: Host, bundleDir: string): Promise<void> {
  let isFirst = true;
  let restarting = Promise.resolve();
  await bundleOnChange(bundleDir, (errors) => {
    if (errors.length > 0) return console.error(errors.join("\n"));
    if (isFirst) return void (isFirst = false);
    restarting = restarting
      .then(() => host.restart())
      .then(
        () => console.log("do has taken the change"),
        (error: unknown) => console.error(String(error)),
      );
    return undefined;
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error(`\n${USAGE}`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
