import type { Command } from "commander";
import type { FunctionDeployment, FunctionInfo, FunctionVersion } from "../../../gateway.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** `doer functions ...` */
export function addFunctions(program: Command, act: Act): void {
  const functions = program.command("functions").description("look after saved functions").copyInheritedSettings(program);
  functions
    .command("list")
    .description("list the functions of the tenant, by name")
    .option("--namespace <name>")
    .option("--tag <tag>")
    .action(
      act(async (globals, _, { namespace, tag }) => {
        const page = await configuredSession(globals).gateway.listFunctions({
          limit: 1_000,
          ...(namespace === undefined ? {} : { namespace: namespace as string }),
          ...(tag === undefined ? {} : { tag: tag as string }),
        });
        if (globals.json) jsonToStdout(page);
        else if (page.items.length === 0) toStderr("There are no functions.");
        else toStdout(table(["NAME", "LIVE", "PUBLIC", "TAGS", "UPDATED"], page.items.map(row)));
        if (!globals.json && page.cursor !== undefined) toStderr(`There are more than these ${page.items.length}.`);
        return EXIT.ok;
      }),
    );
  functions
    .command("versions")
    .description("list the versions of a function, newest first")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const { gateway } = configuredSession(globals);
        const [page, info] = await Promise.all([gateway.listVersions(String(name)), gateway.getFunction(String(name))]);
        if (globals.json) jsonToStdout(page);
        else
          toStdout(
            table(
              ["ID", "LIVE", "CREATED", "BY", "MESSAGE"],
              page.items.map((version) => versionRow(version, info.deployment)),
            ),
          );
        return EXIT.ok;
      }),
    );
  functions
    .command("split")
    .description("say which versions answer, each with its percentage")
    .argument("<name>")
    .argument("<version=percentage...>", "100 together")
    .action(
      act(async (globals, [name, shares]) => {
        const parsed = (shares as string[]).map((share) => ({
          version: share.split("=")[0] ?? "",
          percentage: Number(share.split("=")[1]),
        }));
        show(String(name), await configuredSession(globals).gateway.setDeployment(String(name), parsed), globals.json);
        return EXIT.ok;
      }),
    );
  functions
    .command("delete")
    .description("delete a function with its versions, secrets and objects, or all with a tag")
    .argument("[name]")
    .option("--tag <tag>")
    .option("--namespace <name>", "of those with the tag")
    .action(
      act(async (globals, [name], { tag, namespace }) => {
        const { gateway } = configuredSession(globals);
        const deleted =
          tag === undefined
            ? (await gateway.deleteFunction(String(name))).deleted
              ? [String(name)]
              : []
            : (
                await gateway.deleteFunctions({
                  tag: tag as string,
                  ...(namespace === undefined ? {} : { namespace: namespace as string }),
                })
              ).deleted;
        if (globals.json) jsonToStdout({ deleted });
        else toStdout(deleted.length === 0 ? "There was nothing to delete" : `Deleted ${deleted.map(printableLine).join(", ")}`);
        return EXIT.ok;
      }),
    );
}

/** `doer rollback NAME` */
export function addRollback(program: Command, act: Act): void {
  program
    .command("rollback")
    .description("go back to what answered before, or to one version of a function")
    .argument("<name>")
    .option("--to <version>")
    .option("--message <text>")
    .action(
      act(async (globals, [name], { to, message }) => {
        const deployment = await configuredSession(globals).gateway.rollback(String(name), {
          ...(to === undefined ? {} : { to: to as string }),
          ...(message === undefined ? {} : { message: message as string }),
        });
        show(String(name), deployment, globals.json);
        return EXIT.ok;
      }),
    );
}

function show(name: string, deployment: FunctionDeployment, asJson: boolean): void {
  if (asJson) jsonToStdout(deployment);
  else toStdout(`${printableLine(name)} ${liveOf(deployment)} is live`);
}

function liveOf(deployment: FunctionDeployment | undefined): string {
  return (deployment?.shares ?? [])
    .map(({ version, percentage }) => (percentage === 100 ? version : `${version}=${percentage}%`))
    .join(" ");
}

function row({ name, deployment, public: isPublic, tags, updatedAt }: FunctionInfo): string[] {
  return [name, liveOf(deployment), isPublic ? "yes" : "no", tags.join(" "), updatedAt];
}

function versionRow({ id, createdAt, createdBy, message }: FunctionVersion, deployment: FunctionDeployment | undefined): string[] {
  const share = deployment?.shares.find(({ version }) => version === id);
  return [id, share ? `${share.percentage}%` : "", createdAt, createdBy, message ?? ""];
}
