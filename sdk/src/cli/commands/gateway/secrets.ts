import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { ask } from "../../ask.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { addDelete, ownerOf, showSet, withOwner } from "./of-function.ts";

/** `doer secrets ...` */
export function addSecrets(program: Command, act: Act): void {
  const secrets = program.command("secrets").description("look after secrets of functions and of egress rules; they are never shown");
  withOwner(
    secrets
      .command("set")
      .description("set a secret, which is asked for or comes by standard input; the next call has it")
      .argument("<key>"),
  ).action(
    act(async (globals, [key], options) => {
      const of = ownerOf(options);
      // Not as an argument: those stand in the history of the shell and in the list of processes.
      const [value = ""] = await ask([{ text: "Value: ", isSecret: true }]);
      return showSet(await configuredSession(globals).gateway.setSecret(String(key), value, of), globals.json);
    }),
  );
  withOwner(secrets.command("list").description("list the names of secrets")).action(
    act(async (globals, _, options) => {
      const { items } = await configuredSession(globals).gateway.listSecrets(ownerOf(options));
      const rows = items.map(({ key, updatedAt }) => [key, updatedAt]);
      if (globals.json) jsonToStdout({ items });
      else if (items.length === 0) toStderr("There are no secrets.");
      else toStdout(table(["KEY", "UPDATED"], rows));
      return EXIT.ok;
    }),
  );
  addDelete(secrets, act, "secret");
}
