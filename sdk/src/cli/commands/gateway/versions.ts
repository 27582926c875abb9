import type { Command } from "commander";
import type { FunctionDeployment, FunctionVersion, VersionShare } from "../../../gateway.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError, type ExitCode } from "../../exit.ts";
import { printable, printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** `doer functions versions`, `version`, `deployments` and `split` */
export function addVersions(functions: Command, act: Act): void {
  functions
    .command("versions")
    .description("list the versions of a function, newest first")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const { gateway } = configuredSession(globals);
        const [page, info] = await Promise.all([gateway.listVersions(String(name)), gateway.getFunction(String(name))]);
        const rows = page.items.map((version) => versionRow(version, info.deployment));
        if (globals.json) jsonToStdout(page);
        else toStdout(table(["ID", "LIVE", "CREATED", "BY", "MESSAGE"], rows));
        if (!globals.json && page.cursor !== undefined) toStderr(`There are more than these ${rows.length}.`);
        return EXIT.ok;
      }),
    );
  functions
    .command("version")
    .description("print the settings of a version and the names of its files, or one of the files")
    .argument("<name>")
    .argument("<version>")
    .option("--file <path>", "print this file")
    .action(
      act(async (globals, [name, id], { file }) => {
        const { files, ...version } = await configuredSession(globals).gateway.getVersion(String(name), String(id));
        if (file !== undefined) return showFile(files, file as string, globals.json);
        if (globals.json) jsonToStdout({ ...version, files });
        else toStdout(printable(JSON.stringify({ ...version, files: Object.keys(files) }, null, 2)));
        return EXIT.ok;
      }),
    );
  functions
    .command("deployments")
    .description("list which versions were live, newest first")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const { items } = await configuredSession(globals).gateway.listDeployments(String(name));
        const rows = items.map((deployment) => [deployment.createdAt, liveOf(deployment), deployment.createdBy, deployment.message ?? ""]);
        if (globals.json) jsonToStdout({ items });
        else toStdout(table(["SINCE", "LIVE", "BY", "MESSAGE"], rows));
        return EXIT.ok;
      }),
    );
  functions
    .command("split")
    .description("say which versions answer, each with its percentage")
    .argument("<name>")
    .argument("<version=percentage...>", "100 together")
    .option("--message <text>", "what it is for")
    .action(
      act(async (globals, [name, shares], { message }) => {
        const options = message === undefined ? {} : { message: message as string };
        const parsed = (shares as string[]).map(shareOf);
        return showLive(String(name), await configuredSession(globals).gateway.setDeployment(String(name), parsed, options), globals.json);
      }),
    );
}

/** `doer rollback NAME` */
export function addRollback(program: Command, act: Act): void {
  program
    .command("rollback")
    .description("go back to what answered before, or to one version of a function")
    .argument("<name>")
    .option("--to <version>", "this one (default: what answered before)")
    .option("--message <text>", "why")
    .action(
      act(async (globals, [name], { to, message }) => {
        const deployment = await configuredSession(globals).gateway.rollback(String(name), {
          ...(to === undefined ? {} : { to: to as string }),
          ...(message === undefined ? {} : { message: message as string }),
        });
        return showLive(String(name), deployment, globals.json);
      }),
    );
}

export function liveOf(deployment: FunctionDeployment | undefined): string {
  return (deployment?.shares ?? [])
    .map(({ version, percentage }) => (percentage === 100 ? version : `${version}=${percentage}%`))
    .join(" ");
}

function shareOf(typed: string): VersionShare {
  const [, version, percentage] = /^([^=]+)=(\d{1,3}(?:\.\d{1,2})?)%?$/.exec(typed) ?? [];
  if (version === undefined) throw new UsageError(`a share must be VERSION=PERCENTAGE, as ver_...=90, got ${typed}`);
  return { version, percentage: Number(percentage) };
}

function showFile(files: Readonly<Record<string, string>>, path: string, asJson: boolean): ExitCode {
  const found = new Map(Object.entries(files)).get(path);
  if (found === undefined) throw new UsageError(`the version has no file ${path}; it has ${Object.keys(files).join(", ")}`);
  if (asJson) jsonToStdout({ path, text: found });
  else toStdout(printable(found));
  return EXIT.ok;
}

function showLive(name: string, deployment: FunctionDeployment, asJson: boolean): ExitCode {
  if (asJson) jsonToStdout(deployment);
  else toStdout(`${printableLine(name)} ${liveOf(deployment)} is live`);
  return EXIT.ok;
}

function versionRow({ id, createdAt, createdBy, message }: FunctionVersion, deployment: FunctionDeployment | undefined): string[] {
  const share = deployment?.shares.find(({ version }) => version === id);
  return [id, share ? `${share.percentage}%` : "", createdAt, createdBy, message ?? ""];
}
