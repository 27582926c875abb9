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
  toStdout(table(["ID", "STARTED", "STATE", "WALL", "CPU", "MEMORY", "WHERE", "PRINCIPAL"], items.map(row)));
  if (isCut) toStderr(`There are more than these ${items.length}.`);
}

/** Of one that has ended what it used, of one that runs what it uses now. */
function row({ id, startedAt, state, outcome, usage, live, principalId }: ExecutionSummary): string[] {
  const used = usage ?? live;
  const inUnit = (value: number | undefined, unit: string) => (value === undefined ? "" : `${Math.round(value)} ${unit}`);
  const figures = [inUnit(used?.wallMs, "ms"), inUnit(used?.cpuMs, "ms"), inUnit(used?.memoryMb, "MB")];
  return [id, startedAt, outcome ?? state, ...figures, live?.executor ?? "", principalId];
}
