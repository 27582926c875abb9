/** One workerd process: started, waited for, stopped. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

export interface WorkerdProcess {
  readonly pid: number;
  /** The port that it listens on. */
  readonly port: number;
  /** Settles with how it ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
}

/** The binary of the `workerd` package, the same that the tests run on. */
function binary(): string {
  const require = createRequire(import.meta.url);
  const { default: path } = require("workerd") as { default: string };
  return path;
}

const SETPRIV = "/usr/bin/setpriv";

/**
 * A command line that the kernel ends when we die, even by SIGKILL: an orphan would go on writing to storage that the
 * next host opens. Where there is no setpriv (util-linux), `data-folder.ts` ends the orphan before it opens the folder.
 */
function endingWithUs(program: string): [string, ...string[]] {
  return existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL", "--", program] : [program];
}

/** @throws Error with what workerd said, when it ends before it listens */
export async function startWorkerd(configPath: string, address: string, env: NodeJS.ProcessEnv): Promise<WorkerdProcess> {
  const args = ["serve", "--experimental", "--control-fd=3", configPath, "config", `--socket-addr=http=${address}`];
  const [command, ...prefix] = endingWithUs(binary());
  // Detached: Ctrl-C in a terminal goes to its whole group, and how workerd ends is for us to say.
  const child = spawn(command, [...prefix, ...args], { env, stdio: ["ignore", "inherit", "pipe", "pipe"], detached: true });
  const said: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    process.stderr.write(text);
    if (said.length < 50) said.push(text);
  });
  const ended = once(child, "exit").then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }));
  const port = await Promise.race([listening(child), ended.then(() => undefined)]);
  if (port === undefined || child.pid === undefined) throw new Error(`workerd did not start: ${said.join("").trim() || "it said nothing"}`);
  return { pid: child.pid, port, ended, kill: (signal) => void child.kill(signal) };
}

/** workerd writes a line of JSON to its control descriptor for each socket that listens. */
async function listening(child: ChildProcess): Promise<number | undefined> {
  const control = child.stdio[3] as Readable | null | undefined;
  if (!control) return undefined;
  for await (const line of createInterface({ input: control })) {
    const event = JSON.parse(line) as { event: string; port?: number };
    if (event.event === "listen") return event.port;
  }
  return undefined;
}
