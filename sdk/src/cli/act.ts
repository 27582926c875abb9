import type { Command } from "commander";
import type { ExitCode } from "./exit.ts";
import { readGlobals, type Globals } from "./globals.ts";
import { withSavedLogin } from "./saved.ts";

/** What a command does: with its arguments and options, to an exit code. */
type Action = (globals: Globals, args: readonly unknown[], options: Record<string, unknown>) => Promise<ExitCode>;

/** Makes an action one that commander can call. */
export type Act = (action: Action) => (...given: unknown[]) => Promise<void>;

/** To sign in needs no credential that was kept. */
function globalsOf(command: Command): Globals | Promise<Globals> {
  const globals = readGlobals(command);
  return command.name() === "login" ? globals : withSavedLogin(globals);
}

/** @param done gets the exit code of the one action that runs */
export function actor(done: (code: ExitCode) => void): Act {
  return (action) =>
    async (...given) => {
      // commander passes the arguments, then the options, then the command.
      const command = given.at(-1) as Command;
      done(await action(await globalsOf(command), given.slice(0, -2), command.opts()));
    };
}
