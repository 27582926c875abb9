import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { ask } from "../../ask.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { addDelete, functionOf, showSet, withFunction } from "./of-function.ts";

/** `doer variables ...` */
export function addVariables(program: Command, act: Act): void {
  const variables = program.command("variables").description("look after variables of functions, which can be read again");
  withFunction(
    variables
      .command("set")
      .description("set a variable; the next call has it")
      .argument("<key>")
      .argument("[value]", "asked for, or read from standard input, where it is not given"),
  ).action(
    act(async (globals, [key, given], options) => {
      const [asked = ""] = given === undefined ? await ask([{ text: "Value: ", isSecret: false }]) : [];
      const value = given === undefined ? asked : (given as string);
      return showSet(await configuredSession(globals).gateway.setVariable(String(key), value, functionOf(options)), globals.json);
    }),
  );
  withFunction(variables.command("list").description("list the variables with their values")).action(
    act(async (globals, _, options) => {
      const { items } = await configuredSession(globals).gateway.listVariables(functionOf(options));
      const rows = items.map(({ key, value, updatedAt }) => [key, value, updatedAt]);
      if (globals.json) jsonToStdout({ items });
      else if (items.length === 0) toStderr("There are no variables.");
      else toStdout(table(["KEY", "VALUE", "UPDATED"], rows));
      return EXIT.ok;
    }),
  );
  addDelete(variables, act, "variable");
}
