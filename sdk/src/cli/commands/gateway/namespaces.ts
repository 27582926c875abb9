import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** `doer namespaces ...` */
export function addNamespaces(program: Command, act: Act): void {
  const namespaces = program.command("namespaces").description("look after namespaces, whose functions dispatchers reach");
  namespaces
    .command("create")
    .description("make a namespace; deploying NAMESPACE/NAME makes it, too")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const made = await configuredSession(globals).gateway.createNamespace(String(name));
        if (globals.json) jsonToStdout(made);
        else toStdout(`${printableLine(made.name)} is there`);
        return EXIT.ok;
      }),
    );
  namespaces
    .command("list")
    .description("list the namespaces, with how many functions each has")
    .action(
      act(async (globals) => {
        const { items } = await configuredSession(globals).gateway.listNamespaces();
        const rows = items.map(({ name, functions, createdAt }) => [name, `${functions}`, createdAt]);
        if (globals.json) jsonToStdout({ items });
        else if (items.length === 0) toStderr("There are no namespaces.");
        else toStdout(table(["NAME", "FUNCTIONS", "CREATED"], rows));
        return EXIT.ok;
      }),
    );
  namespaces
    .command("delete")
    .description("delete a namespace with all of its functions")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const answer = await configuredSession(globals).gateway.deleteNamespace(String(name));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(name))} ${answer.deleted ? "is deleted" : "was not there"}`);
        return EXIT.ok;
      }),
    );
}
