import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { addConsumers } from "./consumers.ts";
import { addMessages } from "./messages.ts";
import { addQueues } from "./queues.ts";
import { addTail } from "./tail.ts";

/** `doer queue ...` */
export function addQueue(program: Command, act: Act): void {
  const queue = program
    .command("queue")
    .description("queues: send, receive, dead letters, consumers, live tail")
    .copyInheritedSettings(program);
  for (const add of [addQueues, addMessages, addConsumers, addTail]) add(queue, act);
}
