import { InvalidArgumentError, type Command } from "commander";
import type { Overlap, Spec, Task, TaskAction } from "../../../schedule.ts";
import { SERVICES, type ServiceName } from "../../../types.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { parseInput } from "../../run-options.ts";
import { configuredSession } from "../../server.ts";
import { readSource } from "../../source.ts";
import { showTask } from "./show.ts";

interface Given {
  cron?: string;
  every?: string;
  at?: string;
  zone?: string;
  start?: string;
  end?: string;
  code?: string;
  eval?: string;
  function?: string;
  call?: string;
  params?: unknown;
  queue?: string;
  message?: unknown;
  http?: string;
  input?: unknown;
  overlap?: string;
  jitter?: number;
  maxRuns?: number;
  attempts?: number;
  deadLetter?: string;
  deleteAfter?: boolean;
  tag?: string[];
}

/** The options that say when. */
export function addWhen(command: Command): Command {
  return command
    .option("--cron <pattern>", "five fields, or six with seconds first")
    .option("--every <duration>", "as 90s, 5m, 1h30m")
    .option("--at <time>", "an instant, or a local time in the zone")
    .option("--zone <name>", "IANA time zone (default UTC)")
    .option("--start <time>", "no run before it")
    .option("--end <time>", "no run at it or later");
}

export function specOf({ cron, every, at, zone, start, end }: Given): Spec {
  const members = { cron, every, at, timezone: zone, startAt: start, endAt: end };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** `doer schedule create` */
export function addCreate(schedule: Command, act: Act): void {
  addWhen(
    schedule
      .command("create")
      .description("make a task: when (--cron, --every, --at) and what (--code, --eval, --call, ...)")
      .argument("<name>"),
  )
    .option("--code <file>", "runs a file, or standard input (-)")
    .option("--eval <code>", "runs code")
    .option("--function <name>", "calls a saved function")
    .option("--call <service.method>", "calls a method of a service")
    .option("--params <json>", "its parameters, as an array or an object", parseInput)
    .option("--queue <name>", "sends a message")
    .option("--message <json>", "the message", parseInput)
    .option("--http <url>", "sends a POST request")
    .option("--input <json>", "what code and functions get as input", parseInput)
    .option("--overlap <policy>", "skip, bufferOne, bufferAll, cancelOther, allowAll (default skip)")
    .option("--jitter <ms>", "due up to so much later, at random", wholeNumber)
    .option("--max-runs <n>", "then it is over", wholeNumber)
    .option("--attempts <n>", "attempts of a run (default 1)", wholeNumber)
    .option("--dead-letter <queue>", "gets the runs that failed for good")
    .option("--delete-after", "delete it when it is over")
    .option("--tag <tag...>", "to find it by")
    .action(
      act(async (globals, [name], given) => {
        const task = await taskOf(given);
        showTask(await configuredSession(globals).schedule.create(String(name), task), globals.json);
        return EXIT.ok;
      }),
    );
}

async function taskOf(given: Given): Promise<Task> {
  const { input, overlap, jitter, maxRuns, attempts, deadLetter, deleteAfter, tag } = given;
  return {
    ...specOf(given),
    action: await actionOf(given),
    ...(input === undefined ? {} : { input }),
    // What it may be, the server says.
    ...(overlap === undefined ? {} : { overlap: overlap as Overlap }),
    ...(jitter === undefined ? {} : { jitterMs: jitter }),
    ...(maxRuns === undefined ? {} : { maxRuns }),
    ...(attempts === undefined ? {} : { retry: { maxAttempts: attempts } }),
    ...(deadLetter === undefined ? {} : { deadLetter: { queue: deadLetter } }),
    ...(deleteAfter ? { deleteAfterCompletion: true } : {}),
    ...(tag === undefined ? {} : { tags: tag }),
  };
}

async function actionOf(given: Given): Promise<TaskAction> {
  const { code, eval: text, function: saved, call, params, queue, message, http } = given;
  const named = [code, text, saved, call, queue, http].filter((option) => option !== undefined);
  if (named.length !== 1) throw new UsageError("say what to do by one of --code, --eval, --function, --call, --queue, --http");
  if (code !== undefined) return readSource(code).then((source) => ({ code: source.code, language: source.language }));
  if (text !== undefined) return { code: text };
  if (saved !== undefined) return { function: saved };
  if (queue !== undefined) return { queue, message: message ?? null };
  if (http !== undefined) return { http: { url: http, method: "POST" } };
  const [, service = "", method = ""] = /^(\w+)\.(\w+)$/.exec(call ?? "") ?? [];
  if (!isService(service)) throw new UsageError(`--call must be service.method, as db.insert; there are ${SERVICES.join(", ")}`);
  return { service, method, ...(params === undefined ? {} : { params: params as unknown[] }) };
}

function isService(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
