import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { addCreate } from "./create.ts";
import { addRuns } from "./runs.ts";
import { addTail } from "./tail.ts";
import { addTasks } from "./tasks.ts";
import { addTimes } from "./times.ts";

/** `doer schedule ...` */
export function addSchedule(program: Command, act: Act): void {
  const schedule = program.command("schedule").description("work at a time: tasks and their runs").copyInheritedSettings(program);
  for (const add of [addCreate, addTasks, addTimes, addRuns, addTail]) add(schedule, act);
}
