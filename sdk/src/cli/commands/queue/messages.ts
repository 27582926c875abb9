import { createInterface } from "node:readline";
import type { Command } from "commander";
import type { PeekedMessage, QueueService, SendMessageOptions } from "../../../queue.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { text, wholeNumber } from "./options.ts";

const BATCH = 100;

/** Messages: send, receive, peek, dead, redrive. */
export function addMessages(queue: Command, act: Act): void {
  queue
    .command("send")
    .description("send a message: JSON, or else text; without one, each line of standard input")
    .argument("<queue>")
    .argument("[message]")
    .option("--group <id>", "for a FIFO queue")
    .option("--dedup <id>", "send it once within the queue's window")
    .option("--delay <seconds>")
    .option("--priority <n>", "0 to 9, the higher first")
    .action(
      act(async (globals, [name, message], { group, dedup, delay, priority }) => {
        const options: SendMessageOptions = {
          groupId: text(group),
          dedupId: text(dedup),
          delaySeconds: wholeNumber("--delay", delay),
          priority: wholeNumber("--priority", priority),
        };
        const { queue: service } = configuredSession(globals);
        if (typeof message === "string") {
          const sent = await service.send(String(name), valueOf(message), options);
          if (globals.json) jsonToStdout(sent);
          else toStdout(sent.duplicate ? `${sent.id} was sent already` : sent.id);
          return EXIT.ok;
        }
        return sendLines(service, String(name), options, globals.json);
      }),
    );
  queue
    .command("receive")
    .description("take messages, and with --ack acknowledge them: one line of JSON each")
    .argument("<queue>")
    .option("--max <n>", "1 to 100", "10")
    .option("--wait <seconds>", "for the first one", "0")
    .option("--ack", "they are done when they are printed")
    .action(
      act(async (globals, [name], { max, wait, ack }) => {
        const { queue: service } = configuredSession(globals);
        const options = { max: wholeNumber("--max", max), waitSeconds: wholeNumber("--wait", wait) };
        const { messages } = await service.receive(String(name), options);
        if (globals.json) jsonToStdout({ messages });
        else for (const { id, attempts, body, receipt } of messages) toStdout(JSON.stringify({ id, attempts, body, receipt }));
        if (ack === true && messages.length > 0) {
          await service.ack(
            String(name),
            messages.map(({ receipt }) => receipt),
          );
        }
        return EXIT.ok;
      }),
    );
  for (const [command, description] of [
    ["peek", "show what is in a queue, without taking it"],
    ["dead", "show the dead messages of a queue"],
  ] as const) {
    queue
      .command(command)
      .description(description)
      .argument("<queue>")
      .option("--max <n>", "1 to 100", "20")
      .action(
        act(async (globals, [name], { max }) => {
          const { queue: service } = configuredSession(globals);
          const options = { limit: wholeNumber("--max", max) };
          const page = await (command === "peek" ? service.peek(String(name), options) : service.listDead(String(name), options));
          if (globals.json) jsonToStdout(page);
          else if (page.items.length === 0) toStderr("There are none.");
          else toStdout(table(["ID", "SENT", "STATE", "TRIES", "BODY", "REASON"], page.items.map(row)));
          return EXIT.ok;
        }),
      );
  }
  queue
    .command("redrive")
    .description("put dead messages back, as new, into the queue that each died in")
    .argument("<queue>")
    .option("--to <queue>", "into another")
    .option("--max <n>", "1 to 1000")
    .action(
      act(async (globals, [name], { to, max }) => {
        const answer = await configuredSession(globals).queue.redrive(String(name), { to: text(to), max: wholeNumber("--max", max) });
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${answer.moved} messages are back`);
        return EXIT.ok;
      }),
    );
}

async function sendLines(service: QueueService, name: string, options: SendMessageOptions, asJson: boolean): Promise<number> {
  if (process.stdin.isTTY) throw new UsageError("there is no message: give one, or lines on standard input");
  let batch: unknown[] = [];
  const refused: string[] = [];
  let sent = 0;
  const flush = async () => {
    const bodies = batch;
    batch = [];
    if (bodies.length === 0) return;
    const { results } = await service.sendBatch(
      name,
      bodies.map((body) => ({ body, ...options })),
    );
    for (const result of results) {
      if ("error" in result) refused.push(result.error.message);
      else sent++;
    }
  };
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    batch.push(valueOf(line));
    if (batch.length === BATCH) await flush();
  }
  await flush();
  if (asJson) jsonToStdout({ sent, refused });
  else toStderr(`sent ${sent}${refused.length > 0 ? `, refused ${refused.length}: ${printableLine(refused[0] ?? "")}` : ""}`);
  return refused.length > 0 ? EXIT.server : EXIT.ok;
}

function valueOf(typed: string): unknown {
  try {
    return JSON.parse(typed) as unknown;
  } catch {
    return typed;
  }
}

function row({ id, sentAt, state, attempts, body, reason }: PeekedMessage): string[] {
  const shown = typeof body === "string" ? body : JSON.stringify(body);
  return [id, sentAt, state, String(attempts), shown.length > 60 ? `${shown.slice(0, 57)}...` : shown, reason ?? ""];
}
