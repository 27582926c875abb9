/** One workerd process: started, waited for, asked, ended. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { lines } from "./lines.ts";
import type { Readable } from "node:stream";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it wrote to its error output. */
  readonly said: string;
}

export interface WorkerdProcess {
  /** Of workerd itself, not of what it was started with. */
  readonly pid: number;
  readonly socketPath: string;
  /** Settles when it is gone and all that it wrote is read. */
  readonly ended: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  /** Settles when it has answered 200. @throws Error when it has ended, answers else, or takes longer than `timeoutMs` */
  ask(path: string, timeoutMs: number): Promise<void>;
}

export interface StartOptions {
  readonly configPath: string;
  /** Where it listens: a path in a folder that only those who may call it can open. */
  readonly socketPath: string;
  readonly env: NodeJS.ProcessEnv;
  /** A folder that it keeps things in, for a configuration that names none. */
  readonly storage?: Storage | undefined;
  /** A whole command line from one that runs workerd: see confine.ts. */
  readonly confine: (command: readonly string[]) => readonly string[];
  /** Gets each line of its output. */
  readonly onLine: (line: string) => void;
  readonly onError: (text: string) => void;
}

/** `path` as the process has it. With a descriptor it is handed the open folder, as one that it could not open by itself. */
export interface Storage {
  readonly path: string;
  readonly descriptor?: number | undefined;
}

/** The descriptor under which a process has the folder that it was handed. */
export const STORAGE_DESCRIPTOR = 4;

/** The binary of the `workerd` package, the same that the tests run on. */
export function workerdBinary(): string {
  const require = createRequire(import.meta.url);
  const { default: path } = require("workerd") as { default: string };
  return path;
}

const MAX_SAID_CHARACTERS = 8_192;

/** @throws Error with what workerd said, when it ends before it listens */
export async function startWorkerd(options: StartOptions): Promise<WorkerdProcess> {
  const { configPath, socketPath, env, storage, confine, onLine, onError } = options;
  const keep = storage ? [`--directory-path=storage=${storage.path}`] : [];
  const serve = ["serve", "--experimental", "--control-fd=3", ...keep, configPath, "config", `--socket-addr=main=unix:${socketPath}`];
  const [command = "", ...args] = confine([workerdBinary(), ...serve]);
  // Detached: Ctrl-C in a terminal goes to its whole group, and how workerd ends is for us to say.
  const handed = storage?.descriptor === undefined ? [] : [storage.descriptor];
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe", "pipe", ...handed], detached: true });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-MAX_SAID_CHARACTERS);
    onError(chunk);
  });
  if (child.stdout) lines(child.stdout, onLine);
  // "close" comes when its outputs are read to their ends, "error" when there was nothing to start.
  const ended = Promise.race([once(child, "close"), once(child, "error").then(([error]: unknown[]) => [null, null, error])]).then(
    ([code, signal, error]): Exit => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      said: error instanceof Error ? error.message : said,
    }),
  );
  const pid = await Promise.race([listening(child), ended.then(() => undefined)]);
  if (pid === undefined) throw new Error(`workerd did not start: ${(await ended).said.trim() || "it said nothing"}`);
  return {
    pid,
    socketPath,
    ended,
    kill: (signal) => {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
    },
    ask: (path, timeoutMs) => ask(socketPath, path, timeoutMs),
  };
}

/** workerd writes a line of JSON to its control descriptor for each socket that listens. @returns its process id */
async function listening(child: ChildProcess): Promise<number | undefined> {
  const control = child.stdio[3] as Readable | null | undefined;
  if (!control) return undefined;
  for await (const line of createInterface({ input: control })) {
    const { event } = JSON.parse(line) as { event: string };
    if (event === "listen") return child.pid === undefined ? undefined : innermost(child.pid);
  }
  return undefined;
}

/** workerd has no children; what it was wrapped in has one. */
function innermost(pid: number): number {
  if (process.platform !== "linux") return pid;
  const [inner] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ", 1);
  return inner ? innermost(Number(inner)) : pid;
}

/** In `timeoutMs` whatever comes, and whoever answers says no more than fits into a log: it may run code of strangers. */
async function ask(socketPath: string, path: string, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ socketPath, path, agent: false, signal }, resolve).once("error", (error) =>
      reject(signal.aborted ? new Error(`no answer in ${timeoutMs} ms`) : error),
    );
  });
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) {
    body += chunk as string;
    if (body.length > MAX_SAID_CHARACTERS) break;
  }
  if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}: ${body}`);
}
