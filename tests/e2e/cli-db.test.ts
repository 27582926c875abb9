import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { takeStatement } from "../../sdk/src/cli/commands/db/sql-words.ts";
import { doer, DOER, NODE } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let folder: string;
beforeAll(async () => {
  host = await testHost();
  folder = mkdtempSync(join(tmpdir(), "doer-db-"));
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const run = (args: string[], stdin?: string) =>
  doer(args, { env: { DO_URL: host.url, DO_KEY: host.rootKey, HOME: folder }, ...(stdin === undefined ? {} : { stdin }) });

describe("doer db shell", () => {
  it("runs statements from standard input, over several lines, and shows rows", async () => {
    const { code, stdout, stderr } = await run(
      ["db", "shell"],
      "CREATE TABLE t (n INTEGER,\n  s TEXT); INSERT INTO t VALUES (1, 'a;b'),\n(2, NULL);\nSELECT * FROM t;\n.tables\n.schema t\n.explain DELETE FROM t",
    );
    expect(stderr).toBe("0 rows changed\n2 rows changed\n");
    expect(stdout).toBe(
      "n  s\n1  a;b\n2  NULL\nname  type\nt     table\nCREATE TABLE t (n INTEGER,\n  s TEXT);\nwrites; read: none; written: t\n",
    );
    expect(code).toBe(0);
  });

  it("ends at the first failure, and reads only when it is told to", async () => {
    const failed = await run(["db", "shell"], "SELEC 1;\nSELECT 2;");
    expect([failed.code, failed.stdout]).toEqual([3, ""]);
    expect(failed.stderr).toContain("syntax error");
    const denied = await run(["db", "shell", "--read-only"], "DELETE FROM t;");
    expect([denied.code, denied.stderr]).toEqual([3, expect.stringContaining("this one writes t")]);
    expect((await run(["--json", "db", "shell"], "SELECT count(*) AS n FROM t")).stdout).toBe('[{"n":2}]\n');
  });

  it.each([
    ["SELECT 1", undefined, undefined],
    ["SELECT 1;", "SELECT 1;", ""],
    ["SELECT 1; SELECT 2;", "SELECT 1;", " SELECT 2;"],
    ["SELECT ';", undefined, undefined],
    ["SELECT ';'; x", "SELECT ';';", " x"],
    ["SELECT 1; -- more", "SELECT 1;", " -- more"],
    ["SELECT 1 -- ;", undefined, undefined],
    ["SELECT 1 /* ;", undefined, undefined],
    ["CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;", undefined, undefined],
    [
      "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 END; END;x",
      "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 END; END;",
      "x",
    ],
  ])("%j is sent as %j", (text, statement, rest) => {
    expect(takeStatement(text)).toEqual(statement === undefined ? undefined : { statement, rest });
  });
});

/** Of util-linux: runs a command on a terminal. */
const SCRIPT = "/usr/bin/script";

describe.skipIf(process.platform !== "linux" || !existsSync(SCRIPT))("doer db shell on a terminal", () => {
  it("completes words and names, takes back what was begun, and remembers", async () => {
    const shell = spawn(SCRIPT, ["-qec", `"${NODE}" "${DOER}" db shell`, "/dev/null"], {
      env: { PATH: process.env["PATH"], HOME: folder, TERM: "xterm", DO_URL: host.url, DO_KEY: host.rootKey, NO_COLOR: "1" },
    });
    let shown = "";
    let said = () => {};
    shell.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      said();
    });
    /** Types, and waits for what then must come. */
    const type = async (keys: string, wanted: string) => {
      const from = shown.length;
      shell.stdin.write(keys);
      await new Promise<void>((resolve) => {
        said = () => {
          if (shown.indexOf(wanted, from) !== -1) resolve();
        };
        said();
      });
    };
    const ended = new Promise<number | null>((resolve) => void shell.once("exit", resolve));
    await type("", "db> ");
    await type("CREATE TABLE things (label TEXT);\r", "db> ");
    await type("INSERT INTO things VALUES ('a thing');\r", "db> ");
    await type("select lab\t", "label");
    await type(" from thi\t", "things");
    await type(";\r", "a thing");
    await type("SELECT 1\r", "  > ");
    await type("\u0003", "db> ");
    await type("\u001b[A\u001b[A", "select label from things;");
    await type("\r", "a thing");
    await type(".quit\r", "");
    expect(await ended).toBe(0);
    expect(readFileSync(join(folder, ".doer_history"), "utf8")).toContain("INSERT INTO things VALUES ('a thing');\n");
    expect(statSync(join(folder, ".doer_history")).mode & 0o777).toBe(0o600);
  });
});

describe("doer db export, import, backup, restore", () => {
  const file = (name: string) => join(folder, name);

  it("move everything through files", async () => {
    writeFileSync(file("users.ndjson"), '{"id":"ada","n":1}\n{"id":"bob","n":2}\n');
    expect(await run(["db", "import", file("users.ndjson"), "--collection", "users"])).toMatchObject({
      code: 0,
      stderr: "imported 2 documents\n",
    });
    const backup = await run(["db", "backup", file("all.ndjson")]);
    expect(backup).toMatchObject({ code: 0, stderr: expect.stringMatching(/^backed up .* to /) });
    expect(statSync(file("all.ndjson")).mode & 0o777).toBe(0o600);
    const exported = await run(["db", "export", "--collections", "users"]);
    expect(exported.stdout.trim().split("\n")).toHaveLength(5);
    expect((await run(["db", "export", "--sql"])).stdout).toContain("CREATE TABLE t");
    await host.ask("/rpc/db/dropCollection", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"params":["users"]}',
    });
    expect(await run(["db", "restore", file("all.ndjson")])).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
    expect(await run(["db", "restore", file("all.ndjson"), "--yes"])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("restored 2 documents of 1 collections"),
    });
    expect(await run(["db", "import", "-", "--mode", "skip"], exported.stdout)).toMatchObject({
      code: 0,
      stderr: "imported 0 documents, skipped 2\n",
    });
  });

  it("what fails leaves no file and says why", async () => {
    writeFileSync(file("bad.ndjson"), '{"id":"x"}\nnonsense\n');
    expect(await run(["db", "import", file("bad.ndjson"), "--collection", "users"])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("line 2"),
    });
    expect(await run(["db", "import", file("none.ndjson")])).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot read") });
    expect(await run(["db", "import", file("bad.ndjson"), "--mode", "all"])).toMatchObject({ code: 2 });
    expect(await run(["db", "restore", file("bad.ndjson"), "--yes"])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("header of a backup"),
    });
    expect(await run(["db", "backup", join(folder, "no/such/file")])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("cannot write"),
    });
    const wrong = await doer(["db", "backup", file("never")], { env: { DO_URL: host.url, DO_KEY: "wrong", HOME: folder } });
    expect(wrong.code).toBe(3);
    expect([existsSync(file("never")), existsSync(file("never.part"))]).toEqual([false, false]);
    expect(readFileSync(file("all.ndjson"), "utf8").trim().split("\n").at(-1)).toContain('"type":"end"');
  });
});
