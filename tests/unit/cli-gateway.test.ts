import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../host/src/bundle.ts";
import { createProgram } from "../../sdk/src/cli/program.ts";
import { gatewayDefinition } from "../../workers/core-services/gateway/schema.ts";

const OF_THE_GATEWAY = ["deploy", "functions", "rollback", "tail", "secrets", "variables", "namespaces", "packages", "routes", "egress"];
const FOLDERS = ["sdk/src/cli/commands/gateway", "sdk/src/cli/packages"];
/** What only code has a use for. */
const NOT_FOR_PEOPLE = ["limit"];

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

describe("the command line of the gateway", () => {
  it("reaches each method that a person needs", () => {
    const source = FOLDERS.flatMap((folder) =>
      readdirSync(join(ROOT, folder)).map((file) => readFileSync(join(ROOT, folder, file), "utf8")),
    );
    const called = new Set(source.flatMap((text) => [...text.matchAll(/\.(\w+)\(/g)].map(([, name = ""]) => name)));
    const missing = Object.keys(gatewayDefinition.methods).filter((method) => !called.has(method));
    expect(missing).toEqual(NOT_FOR_PEOPLE);
  });

  it("says what each command and each option is for", () => {
    const commands = createProgram(() => undefined).commands.filter((command) => OF_THE_GATEWAY.includes(command.name()));
    expect(commands.map((command) => command.name()).toSorted()).toEqual(OF_THE_GATEWAY.toSorted());
    const silent = commands
      .flatMap(all)
      .flatMap((command) => [
        ...(command.description() === "" ? [command.name()] : []),
        ...command.options.filter(({ description }) => description === "").map(({ flags }) => `${command.name()} ${flags}`),
      ]);
    expect(silent).toEqual([]);
  });

  it.each([
    [["functions", "delete"], /either a name or --tag/],
    [["functions", "delete", "a", "--namespace", "b"], /--namespace goes with --tag/],
    [["functions", "update", "a"], /what is to change/],
    [["functions", "split", "a", "ver_b"], /VERSION=PERCENTAGE/],
    [["functions", "split", "a", "ver_b=x"], /VERSION=PERCENTAGE/],
    [["deploy", "examples/hello.ts", "--cpu-ms", "1s"], /whole number of milliseconds/],
    [["deploy", "examples/hello.ts", "--egress", "no.json"], /cannot read no\.json: there is no such file/],
    [["tail", "a", "--calls", "some"], /whole number/],
    [["routes", "set", "a", "README.md"], /README\.md is not JSON: /],
    [["routes", "match", "http://a.example/", "--header", "x"], /name and a value/],
    [["secrets", "set", "A", "--egress", "--function", "b"], /--function or --egress/],
  ])("refuses %j before anything is asked", async (args, message) => {
    // Nobody listens there: what is asked would fail in another way.
    const run = createProgram(() => undefined).parseAsync(["--url", "http://127.0.0.1:1", ...args], { from: "user" });
    await expect(run).rejects.toThrow(message);
  });
});
