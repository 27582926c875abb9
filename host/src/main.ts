/** `pnpm start` and `pnpm dev`. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle, bundleOnChange, ROOT } from "./bundle.ts";
import { startHost, type Host } from "./host.ts";

const USAGE = `Usage: pnpm start [options]

  --port N      port to listen on (8787)
  --host ADDR   address to listen on (127.0.0.1)
  --data DIR    data folder (./.do)
  --config FILE tiers, issuers and the like, as JSON (docs/auth.md)
  --public      allow an address that is not loopback
`;

interface Arguments {
  isDev: boolean;
  port: number;
  host: string;
  data: string;
  config: string | undefined;
}

class UsageError extends Error {}

function readArguments(): Arguments {
  const { values } = parseArguments();
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`--port must be 0 to 65535, got ${values.port}`);
  if (isIP(values.host) === 0 && values.host !== "localhost") throw new UsageError(`--host must be an IP address, got ${values.host}`);
  if (!isLoopback(values.host) && !values.public) {
    throw new UsageError(
      `--host ${values.host} can be reached from elsewhere, and one process runs the code of all tenants (docs/limits.md): say --public too`,
    );
  }
  return { isDev: values.dev, port, host: values.host, data: values.data, config: values.config };
}

function parseArguments() {
  try {
    return parseArgs({
      options: {
        port: { type: "string", default: "8787" },
        host: { type: "string", default: "127.0.0.1" },
        data: { type: "string", default: "./.do" },
        config: { type: "string" },
        public: { type: "boolean", default: false },
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

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

async function main(): Promise<void> {
  const { isDev, config: configFile, ...where } = readArguments();
  const config = configFile === undefined ? undefined : readConfig(configFile);
  const bundleDir = join(ROOT, "dist/host");
  await bundle(bundleDir);
  const host = await startHost({ ...where, bundleDir, rootKey: process.env["DO_ROOT_KEY"], config });
  if (host.isNewKey)
    console.log(
      `The root key of this data folder, shown once and kept in ${join(where.data, "root.key")}:\n\n  export DO_KEY=${host.rootKey}\n`,
    );
  console.log(`do is ready on ${host.url}`);
  endOnSignals(host, isDev);
  if (isDev) await restartOnChange(host, bundleDir);
  void host.crashed.then((how) => {
    console.error(how);
    void host.stop().then(() => process.exit(1));
  });
}

function endOnSignals(host: Host, isDev: boolean): void {
  const end = () => void (isDev ? host.stop() : host.drain()).then(() => process.exit(0));
  process.once("SIGINT", end).once("SIGTERM", end);
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
