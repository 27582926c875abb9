import type { Command } from "commander";
import type { ExecutionSummary } from "../../types.ts";
import type { Act } from "../act.ts";
import { EXIT } from "../exit.ts";
import { table } from "../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../output/write.ts";
import { configuredSession } from "../server.ts";

/** `doer ps` */
export function addPs(program: Command, act: Act): void {
  program
    .command("ps")
    .description("list the running executions, newest first")
    .option("--all", "those that have ended too")
    .action(
      act(async (globals, _args, { all }) => {
        const page = await configuredSession(globals).executions.list(all ? {} : { state: "running" });
        if (globals.json) jsonToStdout(page);
        else show(page.items, page.cursor !== undefined, all === true);
        return EXIT.ok;
      }),
    );
}

function show(items: readonly ExecutionSummary[], isCut: boolean, isAll: boolean): void {
  if (items.length === 0) return toStderr(isAll ? "There are no executions." : "Nothing is running.");
  toStdout(table(["ID", "STARTED", "STATE", "WALL", "PRINCIPAL"], items.map(row)));
  if (isCut) toStderr(`There are more than these ${items.length}.`);
}

function row({ id, startedAt, state, outcome, usage, principalId }: ExecutionSummary): string[] {
  return [id, startedAt, outcome ?? state, usage ? `${Math.round(usage.wallMs)} ms` : "", principalId];
}
