import type { Command } from "commander";
import { encodeValue } from "../../../values.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** `doer objects ...` */
export function addObjects(program: Command, act: Act): void {
  const objects = program.command("objects").description("look after the objects of saved functions").copyInheritedSettings(program);
  objects
    .command("list")
    .description("list the objects of a function, by class and name")
    .argument("<function>")
    .option("--class <name>")
    .action(
      act(async (globals, [name], { class: entrypoint }) => {
        const page = await configuredSession(globals).gateway.listObjects(String(name), {
          limit: 1_000,
          ...(entrypoint === undefined ? {} : { entrypoint: entrypoint as string }),
        });
        if (globals.json) jsonToStdout(page);
        else if (page.items.length === 0) toStderr("There are no objects.");
        else
          toStdout(
            table(
              ["NAME", "CLASS", "CREATED"],
              page.items.map((one) => [one.name, one.entrypoint, one.createdAt]),
            ),
          );
        if (!globals.json && page.cursor !== undefined) toStderr(`There are more than these ${page.items.length}.`);
        return EXIT.ok;
      }),
    );
  objects
    .command("call")
    .description("call a method of an object")
    .argument("<function>")
    .argument("<object>")
    .argument("<method>")
    .argument("[arguments...]", "each as JSON")
    .option("--class <name>", "where the function has several")
    .action(
      act(async (globals, [name, object, method, sent], { class: entrypoint }) => {
        const args = (sent as string[]).map(argumentOf);
        const options = entrypoint === undefined ? {} : { entrypoint: entrypoint as string };
        const value = await configuredSession(globals).gateway.callObject(String(name), String(object), String(method), args, options);
        jsonToStdout(encodeValue(value, "result").value ?? null);
        return EXIT.ok;
      }),
    );
  objects
    .command("delete")
    .description("delete an object with all that it has stored")
    .argument("<function>")
    .argument("<object>")
    .requiredOption("--class <name>")
    .action(
      act(async (globals, [name, object], { class: entrypoint }) => {
        const { gateway } = configuredSession(globals);
        const { deleted } = await gateway.deleteObject(String(name), String(object), { entrypoint: entrypoint as string });
        if (globals.json) jsonToStdout({ deleted });
        else toStdout(deleted ? `Deleted ${printableLine(String(object))}` : "There was nothing to delete");
        return EXIT.ok;
      }),
    );
}

function argumentOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new UsageError(`an argument must be JSON, got ${text}`);
  }
}
