import { createReadStream, createWriteStream } from "node:fs";
import { access, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { Bytes, ImportOptions } from "../../../db.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import type { Globals } from "../../globals.ts";
import { countBytes, showBytes } from "../../output/progress.ts";
import { jsonToStdout, toStderr } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";

const MODES = ["insert", "upsert", "skip"];

/** `doer db export` */
export function addExport(db: Command, act: Act): void {
  db.command("export")
    .description("documents as NDJSON, or with --sql the SQL tables as SQL; to FILE or standard output")
    .argument("[file]")
    .option("--collections <names>", "only these, with commas between")
    .option("--sql", "the tables of SQL")
    .action(
      act(async (globals, [file], { collections, sql }) => {
        const options = {
          ...(typeof collections === "string" ? { collections: collections.split(",") } : {}),
          ...(sql === true ? { format: "sql" as const } : {}),
        };
        return save(globals, await configuredSession(globals).db.export(options), file, "exported");
      }),
    );
}

/** `doer db backup` */
export function addBackup(db: Command, act: Act): void {
  db.command("backup")
    .description("everything, to one file, while writes go on")
    .argument("<file>")
    .action(act(async (globals, [file]) => save(globals, await configuredSession(globals).db.backup(), file, "backed up")));
}

/** `doer db import` */
export function addImport(db: Command, act: Act): void {
  db.command("import")
    .description("documents from an export, or with --collection one document a line; - is standard input")
    .argument("<file>")
    .option("--mode <mode>", `what a document that exists does: ${MODES.join(", ")} (default upsert)`)
    .option("--collection <name>", "each line is the data of a document of this collection")
    .option("--id-field <path>", "where the id stands in it (default id)")
    .action(
      act(async (globals, [file], { mode, collection, idField }) => {
        if (mode !== undefined && !MODES.includes(mode as string)) throw new UsageError(`--mode must be ${MODES.join(", ")}`);
        const given = Object.entries({ mode, collection, idField }).filter(([, value]) => value !== undefined);
        const result = await configuredSession(globals).db.import(
          await open(file, "importing"),
          Object.fromEntries(given) as ImportOptions,
        );
        if (globals.json) jsonToStdout(result);
        else toStderr(`imported ${result.documents} documents${result.skipped > 0 ? `, skipped ${result.skipped}` : ""}`);
        return EXIT.ok;
      }),
    );
}

/** `doer db restore` */
export function addRestore(db: Command, act: Act): void {
  db.command("restore")
    .description("puts a backup in the place of everything that is there")
    .argument("<file>")
    .option("--yes", "do it: what is there now is lost")
    .action(
      act(async (globals, [file], { yes }) => {
        if (yes !== true) throw new UsageError("restore deletes everything that is there now; say --yes");
        const result = await configuredSession(globals).db.restore(await open(file, "restoring"));
        if (globals.json) jsonToStdout(result);
        else
          toStderr(
            `restored ${result.documents} documents of ${result.collections} collections, ${result.rows} rows of ${result.tables} tables`,
          );
        return EXIT.ok;
      }),
    );
}

/** Under another name until it is whole: a file that is there is a file that is complete. */
async function save(globals: Globals, stream: Bytes, file: unknown, done: string): Promise<number> {
  const counted = countBytes(stream, done);
  if (typeof file !== "string" || file === "-") {
    await pipeline(Readable.fromWeb(counted.stream as never), process.stdout, { end: false });
    return EXIT.ok;
  }
  const part = `${file}.part`;
  try {
    await pipeline(Readable.fromWeb(counted.stream as never), createWriteStream(part, { mode: 0o600 }));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error instanceof Error && "syscall" in error ? new UsageError(`cannot write ${file}: ${error.message}`) : error;
  }
  if (globals.json) jsonToStdout({ file, bytes: counted.bytes() });
  else toStderr(`${done} ${showBytes(counted.bytes())} to ${file}`);
  return EXIT.ok;
}

async function open(file: unknown, doing: string): Promise<Bytes> {
  const name = String(file);
  if (name !== "-") {
    await access(name).catch((error: unknown) => {
      throw new UsageError(`cannot read ${name}: ${error instanceof Error ? error.message : "refused"}`);
    });
  }
  const input = name === "-" ? process.stdin : createReadStream(name);
  return countBytes(Readable.toWeb(input) as Bytes, doing).stream;
}
