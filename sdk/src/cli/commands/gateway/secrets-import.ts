import { parseEnv } from "node:util";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { jsonToStdout, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { ownerOf, withOwner } from "./of-function.ts";

/** `doer secrets import FILE` */
export function addSecretsImport(secrets: Command, act: Act): void {
  withOwner(
    secrets
      .command("import")
      .description("set all secrets of a file (KEY=value lines, as .env has them) in one step; the next call has them")
      .argument("<file>"),
  ).action(
    act(async (globals, [file], options) => {
      const of = ownerOf(options);
      const values = valuesOf(String(file));
      const answer = await configuredSession(globals).gateway.setSecrets(values, of);
      if (globals.json) jsonToStdout(answer);
      else toStdout(`Set ${Object.keys(values).map(printableLine).join(", ")}`);
      return EXIT.ok;
    }),
  );
}

function valuesOf(file: string): Record<string, string> {
  const values = Object.entries(parseEnv(read(file))).filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (values.length === 0) throw new UsageError(`${file} has no lines KEY=value`);
  return Object.fromEntries(values);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new UsageError(`cannot read ${file}`);
  }
}
