import type { Command } from "commander";
import type { LogEntry } from "../../../types.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { logLine } from "../../output/logs.ts";
import { printableLine } from "../../output/printable.ts";
import { toStderr, toStdout } from "../../output/write.ts";
import { parseCount } from "../../run-options.ts";
import { configuredSession } from "../../server.ts";

/** A call, as the server tells of it. */
interface TailEvent {
  readonly executionId: string;
  readonly version: string;
  readonly call: string;
  readonly outcome: string;
  readonly wallMs: number;
  readonly logs: readonly LogEntry[];
  readonly error?: { readonly name: string; readonly message: string };
}

const WAIT_MS = 20_000;

/** `doer tail NAME` */
export function addTail(program: Command, act: Act): void {
  program
    .command("tail")
    .description("print the calls of a function as they end, with their logs, until it is interrupted")
    .argument("<name>")
    .option("--calls <n>", "stop after so many", parseCount)
    .action(
      act(async (globals, [name], { calls }) => {
        const { gateway } = configuredSession(globals);
        let left = calls === undefined ? Number.POSITIVE_INFINITY : (calls as number);
        let { next } = await gateway.tail(String(name));
        if (!globals.json) toStderr(`Waiting for calls of ${printableLine(String(name))}`);
        while (left > 0) {
          // oxlint-disable-next-line no-await-in-loop -- one wait after the other
          const page = await gateway.tail(String(name), { since: next, waitMs: WAIT_MS });
          for (const event of (page.events as unknown as TailEvent[]).slice(0, left)) {
            if (globals.json) toStdout(JSON.stringify(event));
            else print(event);
            left--;
          }
          next = page.next;
        }
        return EXIT.ok;
      }),
    );
}

function print({ executionId, version, call, outcome, wallMs, logs, error }: TailEvent): void {
  toStdout(`${outcome} ${printableLine(call)} ${Math.round(wallMs)} ms ${version} ${executionId}`);
  for (const entry of logs) toStdout(`  ${logLine(entry, process.stdout)}`);
  if (error) toStdout(`  ${printableLine(`${error.name}: ${error.message}`)}`);
}
