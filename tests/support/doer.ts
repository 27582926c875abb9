import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ROOT } from "../../host/src/bundle.ts";

export interface DoerOptions {
  /** Added to an environment that has nothing of the one that the tests run in but PATH, HOME and TMPDIR. */
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningDoer {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Settles when standard error has said it. */
  readonly untilStderr: (wanted: string) => Promise<void>;
}

export const NODE = join(ROOT, "node_modules/.bin/node");
export const DOER = join(ROOT, "sdk/bin/doer.js");

/** The `doer` command as a process of its own. */
export function startDoer(args: readonly string[], { env = {}, cwd, stdin }: DoerOptions = {}): RunningDoer {
  const inherited = Object.fromEntries(["PATH", "HOME", "TMPDIR"].map((name) => [name, process.env[name] ?? ""]).filter(([, v]) => v));
  const child = spawn(NODE, [DOER, ...args], { env: { ...inherited, ...env }, cwd, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(stdin);
  const ended = new Promise<number | null>((resolve) => void child.once("close", resolve));
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => void (said += chunk.toString()));
  const finished = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => ({
    code,
    stdout,
    stderr,
  }));
  const untilStderr = (wanted: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (said.includes(wanted)) resolve();
      };
      child.stderr.on("data", look);
      child.once("close", () => reject(new Error(`doer ended without saying ${wanted}: ${said}`)));
      look();
    });
  return { child, finished, untilStderr };
}

/** Runs `doer` to its end. */
export function doer(args: readonly string[], options: DoerOptions = {}): Promise<Finished> {
  return startDoer(args, options).finished;
}
