import type { Command } from "commander";
import type { Act } from "../act.ts";
import { EXIT } from "../exit.ts";
import { printableLine } from "../output/printable.ts";
import { jsonToStdout, toStdout } from "../output/write.ts";
import { configuredSession } from "../server.ts";

/** `doer kill ID` */
export function addKill(program: Command, act: Act): void {
  program
    .command("kill")
    .description("cancel a running execution")
    .argument("<id>")
    .action(
      act(async (globals, [id]) => {
        const answer = await configuredSession(globals).executions.cancel(String(id));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(id))} ${answer.cancelled ? "is cancelled" : "had ended already"}`);
        return EXIT.ok;
      }),
    );
}
