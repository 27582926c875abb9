import { InvalidArgumentError, type Command } from "commander";

/** A request that is asked about and not sent: its method and headers. */
export function withRequestOptions(command: Command): Command {
  return command
    .argument("<url>")
    .option("--method <method>", "as POST", "GET")
    .option("--header <name:value...>", 'as "x-beta: 1"', addHeader);
}

export function requestOf(url: unknown, { method, header }: Record<string, unknown>): AskedRequest {
  return {
    url: String(url),
    method: String(method),
    ...(header === undefined ? {} : { headers: Object.fromEntries(header as ReadonlyMap<string, string>) }),
  };
}

interface AskedRequest {
  readonly url: string;
  readonly method: string;
  readonly headers?: Record<string, string>;
}

function addHeader(typed: string, before: ReadonlyMap<string, string> | undefined): ReadonlyMap<string, string> {
  const [, name, value = ""] = /^([^:\s]+):\s*(.*)$/.exec(typed) ?? [];
  if (name === undefined) throw new InvalidArgumentError("It must be a name and a value, as x-beta: 1.");
  return new Map(before).set(name, value);
}
