/** Starts a host on a free port with what `pnpm start` gives it: says where it is, answers "pids", ends with its parent. */
import { join } from "node:path";
import { DEFAULT_EXECUTORS, DEFAULT_MEMORY_MB } from "../host/src/defaults.ts";
import { startHost } from "../host/src/host.ts";
import { SILENT } from "../host/src/log.ts";
import type { Pids, Ready } from "./host.ts";

const [, , bundleDir = "", folder = ""] = process.argv;
const host = await startHost({
  bundleDir,
  data: join(folder, "data"),
  host: "127.0.0.1",
  port: 0,
  rootKey: undefined,
  executors: DEFAULT_EXECUTORS,
  // More than the most clients: how many may wait is not what is measured.
  config: JSON.stringify({ tiers: { internal: { concurrent: 1_000 } } }),
  stores: undefined,
  maxMemoryMb: DEFAULT_MEMORY_MB,
  log: SILENT,
});
const say = (message: Ready | Pids) => void process.send?.(message);
// Ctrl-C goes to the whole group; the parent ends us.
process.on("SIGINT", () => {});
process.on("message", () => say(host.pids));
process.once("disconnect", () => void host.stop().finally(() => process.exit()));
say({ port: Number(new URL(host.url).port), rootKey: host.rootKey });
