import { InvalidArgumentError, type Command } from "commander";
import { SERVICES, type ExecuteRequest, type ServiceName } from "../types.ts";

/** The options of what runs code, as members of its request. */
export type RunOptions = Pick<ExecuteRequest, "input" | "services"> & { timeout?: number };

export function addRunOptions(command: Command): Command {
  return command
    .option("--input <json>", "what the code sees as `input`", parseInput)
    .option("--timeout <ms>", "wall clock in milliseconds (default and most: the tier's)", parseTimeout)
    .option("--services <names>", "the services that the code may use, with commas (default: all that are granted)", parseServices);
}

export function requestOf({ input, services, timeout }: RunOptions): Omit<ExecuteRequest, "code"> {
  return {
    ...(input === undefined ? {} : { input }),
    ...(services === undefined ? {} : { services }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
  };
}

export function parseInput(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${error instanceof Error ? error.message : "it does not parse"}.`);
  }
}

export function parseTimeout(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It must be a whole number of milliseconds, 1 or more.");
  return Number(text);
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It must be a whole number, 1 or more.");
  return Number(text);
}

/** An argument of a method, as it is typed: JSON, or text where it is none. */
export function parseArgument(text: string): unknown {
  if (!/^[[{"]|^(?:null|true|false)$|^-?\d+(?:\.\d+)?$/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function parseServices(text: string): ServiceName[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const unknown = names.find((name) => !isService(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no service "${unknown}"; there are ${SERVICES.join(", ")}.`);
  return names.filter(isService);
}

function isService(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}
