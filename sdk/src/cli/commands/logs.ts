import type { Command } from "commander";
import type { Act } from "../act.ts";
import { EXIT } from "../exit.ts";
import { logLine } from "../output/logs.ts";
import { jsonToStdout, toStderr, toStdout } from "../output/write.ts";
import { configuredSession } from "../server.ts";

/** `doer logs ID` */
export function addLogs(program: Command, act: Act): void {
  program
    .command("logs")
    .description("print what an execution has logged so far")
    .argument("<id>")
    .action(
      act(async (globals, [id]) => {
        const { logs, state, outcome, truncated, ...record } = await configuredSession(globals).executions.get(String(id));
        if (globals.json) jsonToStdout({ id: record.id, state, outcome, logs, truncated });
        else {
          for (const entry of logs) toStdout(logLine(entry, process.stdout));
          if (truncated?.includes("logs")) toStderr("doer: the logs were cut at their limit");
        }
        return EXIT.ok;
      }),
    );
}
