import type { Command } from "commander";
import type { QueueInfo, QueueStats } from "../../../queue.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../output/table.ts";
import { prettyValue } from "../../output/value.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { text, wholeNumber } from "./options.ts";

/** Queues as wholes: create, list, show, pause, resume, purge, delete. */
export function addQueues(queue: Command, act: Act): void {
  queue
    .command("create")
    .description("make a queue; FIFO when its name ends with .fifo")
    .argument("<name>")
    .option("--lease <seconds>", "how long a message is leased (default 30)")
    .option("--delay <seconds>", "of messages that say none (default 0)")
    .option("--retention <seconds>", "how long a message is kept (default 4 days)")
    .option("--retries <n>", "after which a message is dead (default 3)")
    .option("--dead <queue>", "where dead messages go")
    .action(
      act(async (globals, [name], { lease, delay, retention, retries, dead }) => {
        const made = await configuredSession(globals).queue.create(String(name), {
          visibilityTimeoutSeconds: wholeNumber("--lease", lease),
          delaySeconds: wholeNumber("--delay", delay),
          retentionSeconds: wholeNumber("--retention", retention),
          maxRetries: wholeNumber("--retries", retries),
          deadLetterQueue: text(dead),
        });
        if (globals.json) jsonToStdout(made);
        else toStdout(`${made.name} is a ${made.type} queue`);
        return EXIT.ok;
      }),
    );
  queue
    .command("list")
    .description("list the queues of the tenant, with how much is in each")
    .action(
      act(async (globals) => {
        const { queue: service } = configuredSession(globals);
        const { items, cursor } = await service.list();
        const stats = await Promise.all(items.map(({ name }) => service.stats(name)));
        const rows = items.map((info, i) => ({ ...info, stats: stats[i] }));
        if (globals.json) jsonToStdout({ items: rows, ...(cursor === undefined ? {} : { cursor }) });
        else if (items.length === 0) toStderr("There are no queues.");
        else toStdout(table(["NAME", "TYPE", "READY", "DELAYED", "IN FLIGHT", "DEAD", "CONSUMER", "STATE"], rows.map(row)));
        if (!globals.json && cursor !== undefined) toStderr(`There are more than these ${items.length}.`);
        return EXIT.ok;
      }),
    );
  queue
    .command("show")
    .description("show the settings of a queue, its consumer, and how much went through it")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const { queue: service } = configuredSession(globals);
        const shown = { ...(await service.describe(String(name))), stats: await service.stats(String(name)) };
        if (globals.json) jsonToStdout(shown);
        else toStdout(prettyValue(shown) ?? "");
        return EXIT.ok;
      }),
    );
  for (const [command, description] of [
    ["pause", "deliver nothing from now on; sending goes on"],
    ["resume", "end a pause"],
  ] as const) {
    queue
      .command(command)
      .description(description)
      .argument("<name>")
      .action(
        act(async (globals, [name]) => {
          const info = await configuredSession(globals).queue[command](String(name));
          if (globals.json) jsonToStdout(info);
          else toStdout(`${info.name} is ${info.paused ? "paused" : "running"}`);
          return EXIT.ok;
        }),
      );
  }
  queue
    .command("purge")
    .description("take everything out, also what is in flight or dead")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const answer = await configuredSession(globals).queue.purge(String(name));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${answer.purged} messages are gone`);
        return EXIT.ok;
      }),
    );
  queue
    .command("delete")
    .description("delete a queue with all that is in it")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const answer = await configuredSession(globals).queue.delete(String(name));
        if (globals.json) jsonToStdout(answer);
        else toStdout(answer.deleted ? "deleted" : "there was none");
        return EXIT.ok;
      }),
    );
}

function row({ name, type, paused, consumer, stats }: QueueInfo & { stats: QueueStats | undefined }): string[] {
  const numbers = [stats?.ready, stats?.delayed, stats?.inFlight, stats?.dead].map((n) => String(n ?? ""));
  const [target = ""] = consumer ? Object.keys(consumer.target) : [];
  return [name, type, ...numbers, target, paused ? "paused" : (consumer?.state ?? "")];
}
