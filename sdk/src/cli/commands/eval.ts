import type { Command } from "commander";
import type { Act } from "../act.ts";
import { runCode } from "../run-code.ts";
import { addRunOptions, requestOf } from "../run-options.ts";

/** `doer eval CODE` */
export function addEval(program: Command, act: Act): void {
  const command = program.command("eval").description("run code from the command line and print its result").argument("<code>");
  addRunOptions(command).action(
    act((globals, [code], options) => runCode({ name: "eval", code: String(code), language: "ts" }, requestOf(options), globals)),
  );
}
