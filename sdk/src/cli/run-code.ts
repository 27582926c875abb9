import { encodeAnswer } from "../answer.ts";
import { DoError } from "../errors.ts";
import type { ExecuteRequest, ExecutionAnswer } from "../types.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { Globals } from "./globals.ts";
import { holdSignals, type Interrupts } from "./interrupts.ts";
import { failure } from "./output/failure.ts";
import { logLine } from "./output/logs.ts";
import { spin } from "./output/spinner.ts";
import { prettyValue } from "./output/value.ts";
import { jsonToStdout, toStderr, toStdout } from "./output/write.ts";
import { configuredOrOwnServer, type Server } from "./server.ts";
import type { Source } from "./source.ts";

/** Runs code on the configured server or one of its own, and shows what happens. A signal cancels it there first. */
export async function runCode(source: Source, options: Omit<ExecuteRequest, "code">, globals: Globals): Promise<ExitCode> {
  const interrupts = holdSignals();
  const stopSpinner = globals.json ? () => {} : spin("running");
  try {
    const server = await configuredOrOwnServer(globals);
    try {
      const request = { ...options, code: source.code, language: source.language };
      const answer = await execute(server, request, interrupts, globals);
      stopSpinner();
      if (globals.json) jsonToStdout(encodeAnswer(answer));
      else show(answer, source);
      return interrupts.exitCode ?? (answer.outcome === "ok" ? EXIT.ok : EXIT.codeFailed);
    } finally {
      await server.close();
    }
  } catch (error) {
    stopSpinner();
    if (interrupts.exitCode === undefined) throw error;
    // What fails after a signal fails because of it: Ctrl-C in a terminal reaches our own server too.
    throw new Interrupted(interrupts.exitCode);
  } finally {
    interrupts.release();
  }
}

/** A command that a signal ended before there was an answer. */
export class Interrupted extends DoError {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super("CANCELLED", "cancelled before there was an answer", { reason: "INTERRUPTED" });
    this.exitCode = exitCode;
  }
}

/** Sends the code; its logs go to standard error as they happen, unless a program reads. */
async function execute({ session }: Server, request: ExecuteRequest, { signal }: Interrupts, { json }: Globals): Promise<ExecutionAnswer> {
  const execution = session.execute(request, { signal });
  for await (const event of execution) {
    if (event.type === "log" && !json) toStderr(logLine(event.entry, process.stderr));
  }
  return execution;
}

function show(answer: ExecutionAnswer, source: Source): void {
  if (answer.truncated?.includes("logs")) toStderr("doer: the logs were cut at their limit");
  if (answer.outcome !== "ok") return toStderr(failure(answer, source));
  const text = prettyValue(answer.result);
  if (text !== undefined) toStdout(text);
}
