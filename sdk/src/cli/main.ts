/** The `doer` command. */
import { CommanderError, type Command } from "commander";
import { EXIT, UsageError, type ExitCode } from "./exit.ts";
import { problemJson, problemText } from "./output/problem.ts";
import { endQuietlyWhenNobodyReads, jsonToStdout, toStderr } from "./output/write.ts";
import { createProgram } from "./program.ts";
import { Interrupted } from "./run-code.ts";

async function main(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = createProgram((code) => void (exitCode = code));
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok; // help, version
    const error = thrown instanceof CommanderError ? asUsageError(thrown, commandOf(program, args)) : thrown;
    // Read here again: what is wrong may be the reading of the options.
    if (args.includes("--json")) jsonToStdout(problemJson(error));
    else toStderr(problemText(error));
    return exitCodeOf(error);
  }
}

/** A mistake in the arguments; a command line without a command gets the help. */
function asUsageError({ code, message }: CommanderError, command: Command): UsageError {
  return new UsageError(code === "commander.help" ? `which command?\n\n${command.helpInformation()}` : message.replace(/^error: /, ""));
}

/** The command that the arguments lead to, as far as they name one. */
function commandOf(program: Command, args: readonly string[]): Command {
  return args.reduce((at, arg) => at.commands.find((command) => command.name() === arg) ?? at, program);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof Interrupted ? error.exitCode : EXIT.server;
}

endQuietlyWhenNobodyReads();
// Set and not called: what is still being written is written to its end.
process.exitCode = await main(process.argv.slice(2));
