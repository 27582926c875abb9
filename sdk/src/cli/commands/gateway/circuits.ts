import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

/** `doer routes circuits` and `close` */
export function addCircuits(routes: Command, act: Act): void {
  routes
    .command("circuits")
    .description("list the targets that were asked, how they fare, and which are given time")
    .action(
      act(async (globals) => {
        const page = await configuredSession(globals).gateway.listCircuits();
        const rows = page.items.map(({ target, state, failures, inFlight, nextProbeAt }) => [
          target,
          state,
          `${failures}`,
          `${inFlight}`,
          nextProbeAt ?? "",
        ]);
        if (globals.json) jsonToStdout(page);
        else if (rows.length === 0) toStderr("No target was asked yet.");
        else toStdout(table(["TARGET", "CIRCUIT", "FAILURES", "IN FLIGHT", "ASKED AGAIN"], rows));
        return EXIT.ok;
      }),
    );
  routes
    .command("close")
    .description("have a target be asked again now")
    .argument("<target>", "as circuits shows it: upstream:api.example.com")
    .action(
      act(async (globals, [target]) => {
        const answer = await configuredSession(globals).gateway.closeCircuit(String(target));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(target))} ${answer.closed ? "is asked again" : "was not known"}`);
        return EXIT.ok;
      }),
    );
}
