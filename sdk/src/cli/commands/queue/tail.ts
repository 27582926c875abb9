import type { Command } from "commander";
import type { QueueEvents } from "../../../queue.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { wholeNumber } from "./options.ts";

const WAIT_MS = 20_000;

/** `doer queue tail NAME` */
export function addTail(queue: Command, act: Act): void {
  queue
    .command("tail")
    .description("show what happens in a queue, as it happens")
    .argument("<queue>")
    .option("--count <n>", "end after so many events")
    .action(
      act(async (globals, [name], { count }) => {
        const most = wholeNumber("--count", count) ?? Number.POSITIVE_INFINITY;
        const { queue: service } = configuredSession(globals);
        let { cursor } = await service.tail(String(name), { waitMs: 0 });
        toStderr(`Following ${printableLine(String(name))}.`);
        for (let shown = 0; shown < most;) {
          // oxlint-disable-next-line no-await-in-loop -- what happens next
          const page = await service.tail(String(name), { cursor, waitMs: WAIT_MS });
          ({ cursor } = page);
          const events = page.events.slice(0, most - shown);
          shown += events.length;
          for (const event of events) toStdout(globals.json ? JSON.stringify(event) : lineOf(event));
        }
        return EXIT.ok;
      }),
    );
}

function lineOf({ at, event, id, attempts, detail }: QueueEvents["events"][number]): string {
  const parts = [at, event.padEnd(9), id, attempts === undefined ? undefined : `try ${attempts}`, detail && printableLine(detail)];
  return parts.filter((part) => part !== undefined && part !== "").join("  ");
}
