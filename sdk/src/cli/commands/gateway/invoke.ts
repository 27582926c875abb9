import type { Command } from "commander";
import type { CallOptions } from "../../../gateway.ts";
import { encodeValue } from "../../../values.ts";
import type { Act } from "../../act.ts";
import { EXIT, type ExitCode } from "../../exit.ts";
import { prettyValue } from "../../output/value.ts";
import { jsonToStdout, toStdout } from "../../output/write.ts";
import { parseArgument, parseInput, parseTimeout } from "../../run-options.ts";
import { configuredSession } from "../../server.ts";

/** `doer functions invoke` and `call` */
export function addInvoke(functions: Command, act: Act): void {
  const invoke = functions
    .command("invoke")
    .description("call a function with an input, and print its value")
    .argument("<name>")
    .option("--input <json>", "what the code sees as `input` (default: null)", parseInput);
  withCallOptions(invoke).action(
    act(async (globals, [name], { input = null, ...options }) =>
      show(await configuredSession(globals).gateway.invoke(String(name), input, callOptions(options)), globals.json),
    ),
  );
  const call = functions
    .command("call")
    .description("call a method of a function's class, and print its value")
    .argument("<name>")
    .argument("<method>")
    .argument("[arguments...]", "each as JSON, or as text where it is none");
  withCallOptions(call).action(
    act(async (globals, [name, method, given], options) => {
      const args = (given as string[]).map(parseArgument);
      return show(await configuredSession(globals).gateway.call(String(name), String(method), args, callOptions(options)), globals.json);
    }),
  );
}

function withCallOptions(command: Command): Command {
  return command
    .option("--entrypoint <export>", "a named export (default: the default one)")
    .option("--at <version>", "a live version, also one of 0 %")
    .option("--sticky-key <text>", "equal keys get the same of several live versions")
    .option("--timeout <ms>", "less time than the function has by itself", parseTimeout);
}

function callOptions({ entrypoint, at, stickyKey, timeout }: Record<string, unknown>): CallOptions {
  const given = Object.entries({ entrypoint, version: at, stickyKey, timeoutMs: timeout }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function show(value: unknown, asJson: boolean): ExitCode {
  if (asJson) {
    const { value: result, types } = encodeValue(value, "result");
    jsonToStdout({ result, ...(Object.keys(types).length > 0 ? { resultEncoding: types } : {}) });
  } else toStdout(prettyValue(value) ?? "");
  return EXIT.ok;
}
