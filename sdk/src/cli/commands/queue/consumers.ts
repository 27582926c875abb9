import type { Command } from "commander";
import type { QueueTarget } from "../../../queue.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { jsonToStdout, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { readSource } from "../../source.ts";
import { text, wholeNumber } from "./options.ts";

/** Push consumers: subscribe, unsubscribe. */
export function addConsumers(queue: Command, act: Act): void {
  queue
    .command("subscribe")
    .description("push a queue's messages in batches to the code in FILE, or to what an option names")
    .argument("<queue>")
    .argument("[file]", "- is standard input")
    .option("--function <name>", "a saved function")
    .option("--post <url>", "an HTTP endpoint")
    .option("--batch <n>", "messages of a batch (default 10)")
    .option("--wait <ms>", "how long a batch may wait to become full (default 1000)")
    .option("--concurrency <n>", "batches at a time (default 1)")
    .action(
      act(async (globals, [name, file], options) => {
        const target = await targetOf(file, options);
        const info = await configuredSession(globals).queue.subscribe(String(name), target, {
          batchSize: wholeNumber("--batch", options["batch"]),
          batchWaitMs: wholeNumber("--wait", options["wait"]),
          concurrency: wholeNumber("--concurrency", options["concurrency"]),
        });
        if (globals.json) jsonToStdout(info);
        else toStdout(`${info.name} is pushed to ${Object.keys(target)[0] ?? ""}, on behalf of ${info.consumer?.by.id ?? ""}`);
        return EXIT.ok;
      }),
    );
  queue
    .command("unsubscribe")
    .description("end pushing")
    .argument("<queue>")
    .action(
      act(async (globals, [name]) => {
        const answer = await configuredSession(globals).queue.unsubscribe(String(name));
        if (globals.json) jsonToStdout(answer);
        else toStdout(answer.unsubscribed ? "unsubscribed" : "there was no consumer");
        return EXIT.ok;
      }),
    );
}

async function targetOf(file: unknown, { function: saved, post: url }: Record<string, unknown>): Promise<QueueTarget> {
  const given = [file, saved, url].filter((one) => one !== undefined).length;
  if (given !== 1) throw new UsageError("say what gets the messages: one of FILE, --function and --post");
  if (typeof file === "string") return { code: (await readSource(file)).code };
  return saved === undefined ? { url: text(url) ?? "" } : { function: text(saved) ?? "" };
}
