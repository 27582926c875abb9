import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { jsonToStdout, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** What secrets and variables have in common: they are of a function, or of all of the tenant's. */

export function withFunction(command: Command): Command {
  return command.option("--function <name>", "of this function (default: of all of the tenant's)");
}

/** Secrets may also be for egress rules alone. */
export function withOwner(command: Command): Command {
  return withFunction(command).option("--egress", "for egress rules alone, which name it: no code gets it");
}

export function ownerOf({ function: name, egress }: Record<string, unknown>): { function?: string; egress?: true } {
  if (egress === true && name !== undefined) throw new UsageError("a secret is of a function, or for egress rules: --function or --egress");
  return { ...functionOf({ function: name }), ...(egress === true ? { egress } : {}) };
}

export function functionOf({ function: name }: Record<string, unknown>): { function?: string } {
  return name === undefined ? {} : { function: name as string };
}

export function showSet(answer: { key: string }, asJson: boolean): number {
  if (asJson) jsonToStdout(answer);
  else toStdout(`${printableLine(answer.key)} is set`);
  return EXIT.ok;
}

/** `delete KEY` beneath secrets or variables. */
export function addDelete(of: Command, act: Act, what: "secret" | "variable"): void {
  const command = of.command("delete").description(`delete a ${what}`).argument("<key>");
  (what === "secret" ? withOwner(command) : withFunction(command)).action(
    act(async (globals, [key], options) => {
      const { gateway } = configuredSession(globals);
      const answer = await (what === "secret"
        ? gateway.deleteSecret(String(key), ownerOf(options))
        : gateway.deleteVariable(String(key), functionOf(options)));
      if (globals.json) jsonToStdout(answer);
      else toStdout(`${printableLine(String(key))} ${answer.deleted ? "is deleted" : "was not there"}`);
      return EXIT.ok;
    }),
  );
}
