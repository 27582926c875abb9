import type { Command } from "commander";
import type { FunctionInfo, GatewayService } from "../../../gateway.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printable, printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { addInvoke } from "./invoke.ts";
import { addVersions, liveOf } from "./versions.ts";

/** `doer functions ...` */
export function addFunctions(program: Command, act: Act): void {
  const functions = program.command("functions").description("look after saved functions, and call them");
  addList(functions, act);
  addShow(functions, act);
  addInvoke(functions, act);
  addVersions(functions, act);
  addUpdate(functions, act);
  addDelete(functions, act);
}

function addList(functions: Command, act: Act): void {
  functions
    .command("list")
    .description("list the functions of the tenant, by name")
    .option("--namespace <name>", "those of one namespace")
    .option("--tag <tag>", "those with it")
    .action(
      act(async (globals, _, { namespace, tag }) => {
        const page = await configuredSession(globals).gateway.listFunctions({ limit: 1_000, ...given({ namespace, tag }) });
        if (globals.json) jsonToStdout(page);
        else if (page.items.length === 0) toStderr("There are no functions.");
        else toStdout(table(["NAME", "LIVE", "PUBLIC", "TAGS", "UPDATED"], page.items.map(row)));
        if (!globals.json && page.cursor !== undefined) toStderr(`There are more than these ${page.items.length}.`);
        return EXIT.ok;
      }),
    );
}

function addShow(functions: Command, act: Act): void {
  functions
    .command("show")
    .description("print a function: what is live, since when, its tags")
    .argument("<name>")
    .action(act(async (globals, [name]) => show(await configuredSession(globals).gateway.getFunction(String(name)), globals.json)));
}

function addUpdate(functions: Command, act: Act): void {
  functions
    .command("update")
    .description("change what is no part of a version")
    .argument("<name>")
    .option("--tag <tag...>", "its tags from now on, in place of those that it had")
    .option("--no-tags", "it has no tags from now on")
    .option("--public", "let /fn answer anybody")
    .option("--no-public", "let /fn answer the tenant only")
    .action(
      act(async (globals, [name], { tag, tags, public: isPublic }) => {
        if (tag === undefined && tags !== false && isPublic === undefined)
          throw new UsageError("what is to change? one of --tag, --no-tags, --public, --no-public");
        const changes = given({ tags: tags === false ? [] : tag, public: isPublic });
        return show(await configuredSession(globals).gateway.updateFunction(String(name), changes), globals.json);
      }),
    );
}

function addDelete(functions: Command, act: Act): void {
  functions
    .command("delete")
    .description("delete a function with its versions, secrets and objects, or all with a tag")
    .argument("[name]")
    .option("--tag <tag>", "all that have it")
    .option("--namespace <name>", "of those with the tag, the ones of one namespace")
    .action(
      act(async (globals, [name], { tag, namespace }) => {
        if ((name === undefined) === (tag === undefined)) throw new UsageError("which functions? either a name or --tag");
        if (namespace !== undefined && tag === undefined)
          throw new UsageError("--namespace goes with --tag; a name has its own: customers/shop");
        const { gateway } = configuredSession(globals);
        const deleted =
          tag === undefined
            ? await deleteOne(gateway, String(name))
            : (await gateway.deleteFunctions({ tag: tag as string, ...given({ namespace }) })).deleted;
        if (globals.json) jsonToStdout({ deleted });
        else toStdout(deleted.length === 0 ? "There was nothing to delete" : `Deleted ${deleted.map(printableLine).join(", ")}`);
        return EXIT.ok;
      }),
    );
}

async function deleteOne(gateway: GatewayService, name: string): Promise<string[]> {
  const { deleted } = await gateway.deleteFunction(name);
  return deleted ? [name] : [];
}

/** Options that were typed, as members of what is sent. */
function given(options: Record<string, unknown>): Record<string, never> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Record<string, never>;
}

function show(info: FunctionInfo, asJson: boolean): number {
  if (asJson) jsonToStdout(info);
  else toStdout(printable(JSON.stringify(info, null, 2)));
  return EXIT.ok;
}

function row({ name, deployment, public: isPublic, tags, updatedAt }: FunctionInfo): string[] {
  return [name, liveOf(deployment), isPublic ? "yes" : "no", tags.join(" "), updatedAt];
}
