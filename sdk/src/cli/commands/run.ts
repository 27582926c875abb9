import type { Command } from "commander";
import type { Act } from "../act.ts";
import { runCode } from "../run-code.ts";
import { addRunOptions, requestOf } from "../run-options.ts";
import { readSource } from "../source.ts";

/** `doer run FILE` */
export function addRun(program: Command, act: Act): void {
  const command = program
    .command("run")
    .description("run a file, or standard input, and print its result")
    .argument("<file>", "a path, or -");
  addRunOptions(command).action(
    act(async (globals, [file], options) => runCode(await readSource(String(file)), requestOf(options), globals)),
  );
}
