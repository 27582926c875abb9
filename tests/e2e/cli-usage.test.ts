import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doer } from "../support/doer.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "doer-test-"));
  writeFileSync(join(dir, "latin1.ts"), Buffer.from([0x22, 0xe9, 0x22]));
});
afterAll(() => rmSync(dir, { recursive: true }));

const WRONG: [what: string, args: string[], message: RegExp][] = [
  ["no command", [], /which command\?\n\nUsage: doer/],
  ["no command of a group", ["variables"], /which command\?\n\nUsage: doer variables [^]*delete/],
  ["a command that is not there", ["rnu", "x.ts"], /unknown command 'rnu'\n\(Did you mean run\?\)/],
  ["an option that is not there", ["ps", "--al"], /unknown option '--al'\n\(Did you mean --all\?\)/],
  ["no file", ["run"], /missing required argument 'file'/],
  ["two files", ["run", "a.ts", "b.ts"], /too many arguments/],
  ["a file that is not there", ["run", "nope.ts"], /cannot read nope\.ts: there is no such file/],
  ["a folder", ["run", "."], /cannot read \.: it is a folder/],
  ["a file that is no text", ["run", "latin1.ts"], /cannot read latin1\.ts: it is not UTF-8/],
  ["an input that is no JSON", ["eval", "1", "--input", "{"], /'--input <json>' argument '\{' is invalid\. It must be JSON/],
  ["a timeout that is no number", ["eval", "1", "--timeout", "1s"], /It must be a whole number of milliseconds/],
  ["a service that is not there", ["eval", "1", "--services", "db,quue"], /There is no service "quue"; there are db, auth/],
  ["a URL that is none", ["eval", "1", "--url", "localhost:8787"], /must start with http:\/\/ or https:\/\//],
  ["a URL with a secret", ["eval", "1", "--url", "http://me:hunter2@127.0.0.1"], /must hold no user or password/],
  ["a key that no header holds", ["whoami", "--url", "http://127.0.0.1:1", "--key", "a\nb"], /credential must be printable ASCII/],
  ["ps without a server", ["ps"], /set DO_URL and DO_KEY/],
  ["kill without a server", ["kill", "exec_x"], /set DO_URL and DO_KEY/],
  ["logs without a server", ["logs", "exec_x"], /set DO_URL and DO_KEY/],
  ["whoami without a server", ["whoami"], /set DO_URL and DO_KEY/],
];

describe("wrong usage", () => {
  it.each(WRONG)("ends with 2: %s", async (_what, args, message) => {
    const people = await doer(args, { cwd: dir });
    expect(people).toMatchObject({ code: 2, stdout: "" });
    expect(people.stderr).toMatch(message);
    expect(people.stderr).toMatch(/^doer: /);
    const machine = await doer([...args, "--json"], { cwd: dir });
    expect(machine).toMatchObject({ code: 2, stderr: "" });
    expect(JSON.parse(machine.stdout)).toMatchObject({
      error: { code: "INVALID_ARGUMENT", reason: "USAGE", message: expect.stringMatching(message) as string },
    });
    expect(people.stderr + machine.stdout).not.toMatch(/hunter2|at .*\.ts:\d/);
  });
});

describe("help", () => {
  it("goes to standard output and ends with 0", async () => {
    const { code, stdout, stderr } = await doer(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of ["run", "eval", "ps", "kill", "logs", "whoami"]) expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
  });

  it("does not show the key of the environment", async () => {
    expect((await doer(["--help"], { env: { DO_KEY: "do_key_of_mine" } })).stdout).not.toContain("do_key_of_mine");
  });

  it("tells the version", async () => {
    expect(await doer(["--version"])).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string, stderr: "" });
  });
});
