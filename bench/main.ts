/** `pnpm bench [cold] [compile] [memory] [throughput] [cpu] [auth] [db] [queue] [schedule] [--quick]` */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "../host/src/bundle.ts";
import { auth } from "./sections/auth.ts";
import { cold } from "./sections/cold.ts";
import { compile } from "./sections/compile.ts";
import { cpu } from "./sections/cpu.ts";
import { db } from "./sections/db.ts";
import { memory } from "./sections/memory.ts";
import { queue } from "./sections/queue.ts";
import { schedule } from "./sections/schedule.ts";
import { throughput } from "./sections/throughput.ts";
import { workerdBinary } from "../host/src/process/workerd.ts";
import { startServer, type Server } from "./server.ts";

const SECTIONS = new Map<string, (server: Server, isQuick: boolean) => Promise<void>>([
  ["cold", cold],
  ["compile", compile],
  ["db", db],
  ["memory", memory],
  ["queue", queue],
  ["throughput", throughput],
  ["cpu", cpu],
  ["auth", auth],
  ["schedule", schedule],
]);

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean", default: false } } });
  const names = positionals.length > 0 ? positionals : [...SECTIONS.keys()];
  const unknown = names.find((name) => !SECTIONS.has(name));
  if (unknown !== undefined) throw new Error(`There is no section "${unknown}"; there are ${[...SECTIONS.keys()].join(", ")}`);
  console.log(machine());
  const workDir = mkdtempSync(join(tmpdir(), "do-bench-"));
  process.once("exit", () => rmSync(workDir, { recursive: true, force: true, maxRetries: 5 }));
  const bundleDir = join(workDir, "bundle");
  await bundle(bundleDir);
  for (const name of names) {
    // Each section has a process of its own, so that none inherits the memory or the caches of another.
    await using server = await startServer(bundleDir, workDir);
    await SECTIONS.get(name)?.(server, values.quick);
  }
}

function machine(): string {
  const workerd = execFileSync(workerdBinary(), ["--version"], { encoding: "utf8" }).trim();
  const load = loadavg().map((value) => value.toFixed(2));
  return `${availableParallelism()} CPUs, Node ${process.versions.node}, ${workerd}, load average ${load.join(" ")}`;
}

// Ending by exit, so that the handlers of `exit` kill workerd and tidy up.
process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
