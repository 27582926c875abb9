import type { Command } from "commander";
import type { Run } from "../../../schedule.ts";
import type { Session } from "../../../session.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { logLine } from "../../output/logs.ts";
import { toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { wholeNumber } from "./create.ts";
import { runLine } from "./show.ts";

const WAIT_MS = 25_000;

/** `doer schedule tail` */
export function addTail(schedule: Command, act: Act): void {
  schedule
    .command("tail")
    .description("runs as they start and end, until it is interrupted; with --json a line for each")
    .argument("[name]", "of this task only")
    .option("--logs", "what their code logged, when they have ended")
    .option("--count <n>", "ends after so many have ended", wholeNumber)
    .action(
      act(async (globals, [name], { logs, count }) => {
        const session = configuredSession(globals);
        const show = (run: Run) => (globals.json ? toStdout(JSON.stringify(run)) : toStdout(runLine(run)));
        await tail(session, name as string | undefined, (count as number | undefined) ?? Infinity, async (run) => {
          show(run);
          if (logs === true && run.state === "ended" && run.executionId !== undefined) await showLogs(session, run.executionId);
        });
        return EXIT.ok;
      }),
    );
}

async function tail(session: Session, task: string | undefined, count: number, show: (run: Run) => Promise<void>): Promise<void> {
  const of = task === undefined ? {} : { task };
  let { cursor: since } = await session.schedule.follow(of);
  toStderr(task === undefined ? "Waiting for runs." : `Waiting for runs of ${task}.`);
  for (let left = count; left > 0;) {
    // oxlint-disable-next-line no-await-in-loop -- each page goes on where the last one ended
    const page = await session.schedule.follow({ ...of, since, waitMs: WAIT_MS });
    since = page.cursor;
    for (const run of page.items) {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      await show(run);
      if (run.state === "ended") left--;
    }
  }
}

async function showLogs(session: Session, executionId: string): Promise<void> {
  const { logs } = await session.executions.get(executionId);
  for (const entry of logs) toStdout(`  ${logLine(entry, process.stdout)}`);
}
