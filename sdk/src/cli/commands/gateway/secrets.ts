import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { ask } from "../../ask.ts";
import { EXIT } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** `doer secrets ...` */
export function addSecrets(program: Command, act: Act): void {
  const secrets = program
    .command("secrets")
    .description("look after secrets of functions; they are never shown")
    .copyInheritedSettings(program);
  const of = (options: Record<string, unknown>) => (options["function"] === undefined ? {} : { function: options["function"] as string });
  secrets
    .command("set")
    .description("set a secret, which is asked for or comes by standard input; the next call has it")
    .argument("<key>")
    .option("--function <name>", "of this function (default: of all of the tenant's)")
    .action(
      act(async (globals, [key], options) => {
        const [value = ""] = await ask([{ text: "Value: ", isSecret: true }]);
        const answer = await configuredSession(globals).gateway.setSecret(String(key), value, of(options));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(key))} is set`);
        return EXIT.ok;
      }),
    );
  secrets
    .command("list")
    .description("list the names of secrets")
    .option("--function <name>")
    .action(
      act(async (globals, _, options) => {
        const { items } = await configuredSession(globals).gateway.listSecrets(of(options));
        if (globals.json) jsonToStdout({ items });
        else if (items.length === 0) toStderr("There are no secrets.");
        else
          toStdout(
            table(
              ["KEY", "UPDATED"],
              items.map(({ key, updatedAt }) => [key, updatedAt]),
            ),
          );
        return EXIT.ok;
      }),
    );
  secrets
    .command("delete")
    .description("delete a secret")
    .argument("<key>")
    .option("--function <name>")
    .action(
      act(async (globals, [key], options) => {
        const answer = await configuredSession(globals).gateway.deleteSecret(String(key), of(options));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(key))} ${answer.deleted ? "is deleted" : "was not there"}`);
        return EXIT.ok;
      }),
    );
}
