import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isComplete } from "../../sdk/src/cli/commands/db/sql-words.ts";
import { doer } from "../support/doer.ts";
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
      "CREATE TABLE t (n INTEGER,\n  s TEXT);\nINSERT INTO t VALUES (1, 'a;b'),\n(2, NULL);\nSELECT * FROM t;\n.tables\n.schema t\n.explain DELETE FROM t",
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
    ["SELECT 1", false],
    ["SELECT 1;", true],
    ["SELECT ';", false],
    ["SELECT ';';", true],
    ["SELECT 1; -- more", true],
    ["SELECT 1 -- ;", false],
    ["SELECT 1 /* ;", false],
    ["CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;", false],
    ["CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;", true],
  ])("%j: complete %s", (text, complete) => {
    expect(isComplete(text)).toBe(complete);
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
