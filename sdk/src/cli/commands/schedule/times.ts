import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { addWhen, specOf, wholeNumber } from "./create.ts";

/** `doer schedule next`, `validate` */
export function addTimes(schedule: Command, act: Act): void {
  addWhen(schedule.command("next").description("the next times of a task, or of --cron, --every, --at").argument("[name]"))
    .option("--count <n>", "how many", wholeNumber, 5)
    .option("--from <time>", "after it (default now)")
    .action(
      act(async (globals, [name], { count, from, ...when }) => {
        const spec = specOf(when);
        if ((name === undefined) === (Object.keys(spec).length === 0))
          throw new UsageError("name a task, or say when by --cron, --every or --at");
        const options = { count: count as number, ...(from === undefined ? {} : { from: from as string }) };
        const answer = await configuredSession(globals).schedule.next(name === undefined ? spec : (name as string), options);
        if (globals.json) jsonToStdout(answer);
        else for (const time of answer.items) toStdout(time);
        return EXIT.ok;
      }),
    );
  addWhen(schedule.command("validate").description("what a time means, and what may be wrong with it")).action(
    act(async (globals, _args, when) => {
      const answer = await configuredSession(globals).schedule.validate({ ...specOf(when) });
      if (globals.json) jsonToStdout(answer);
      else {
        if (answer.description !== undefined) toStdout(printableLine(answer.description));
        for (const time of answer.next) toStdout(time);
        for (const { code, message } of answer.warnings) toStderr(printableLine(`${code}: ${message}`));
        if (answer.error) toStderr(printableLine(`${answer.error.reason}: ${answer.error.message}`));
      }
      return answer.valid ? EXIT.ok : EXIT.codeFailed;
    }),
  );
}
