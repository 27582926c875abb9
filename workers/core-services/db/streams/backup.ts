import * as z from "zod";
import { DoError } from "../../../../sdk/src/errors.ts";
import type { Call } from "../database.ts";
import { CollectionName, Data, Definition, Id } from "../shapes.ts";
import { SqlLine } from "../sql/dump.ts";
import type { TenantDatabase } from "../tenant.ts";
import { documentPages, sqlPages } from "./export.ts";
import { badLine, linesOf, parseLine } from "./lines.ts";

const FORMAT = "do.backup";
const Time = z.iso.datetime();
const Applied = z.strictObject({ id: z.string(), checksum: z.string(), appliedMs: z.int() });

const Header = z.object({ type: z.literal("header"), format: z.literal(FORMAT), version: z.literal(1) });
const DocumentLine = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("collection"), name: CollectionName, definition: Definition }),
  z.strictObject({
    type: z.literal("document"),
    collection: CollectionName,
    id: Id,
    version: z.int().min(1),
    createdAt: Time,
    updatedAt: Time,
    expiresAt: Time.optional(),
    data: Data,
  }),
  z.strictObject({ type: z.literal("deleted"), collection: CollectionName, id: Id }),
]);
const Migrated = z.strictObject({ type: z.literal("migrations"), migrations: z.array(Applied) });
const End = z.strictObject({ type: z.literal("end"), lines: z.int() });

/** Of the pieces in which a restore keeps the file until it has ended: a row holds 2 MB, and a line may be longer. */
const PIECE_CHARACTERS = 500_000;

/**
 * Everything, while writes go on. Documents come in pages, then what the feed says has changed meanwhile: together the
 * state at the moment of the last page. The tables of SQL are of one moment, too, a little later.
 */
export async function* backupOf({ documents, tables }: TenantDatabase, nowMs: number): AsyncGenerator<string, void, undefined> {
  yield line({ type: "header", format: FORMAT, version: 1, at: new Date(nowMs).toISOString() });
  let lines = 0;
  const { since, collections } = await documents.copyStart();
  for (const name of collections) {
    for await (const { text, documents: n } of documentPages(documents, name)) {
      lines += n;
      yield text;
    }
  }
  let at: number | undefined = since;
  while (at !== undefined) {
    const page: { text: string; next?: number } = await documents.copyChanges(at);
    lines += page.text.split("\n").length - 1;
    if (page.text !== "") yield page.text;
    at = page.next;
  }
  const { id, migrations } = await tables.dumpStart();
  for await (const page of sqlPages(tables, id)) {
    lines += page.length;
    yield page.map((text) => `${text}\n`).join("");
  }
  yield line({ type: "migrations", migrations });
  // Without its last line a file is not whole, and a restore refuses it.
  yield line({ type: "end", lines: lines + 1 });
}

/**
 * Puts a backup in the place of everything that is there. Nothing changes before the whole file has come and its lines
 * are what they should be; then documents and tables are replaced, each in one transaction.
 */
export async function restoreFrom(
  stream: ReadableStream<Uint8Array>,
  { documents, tables }: TenantDatabase,
  call: Call,
): Promise<{ collections: number; documents: number; tables: number; rows: number }> {
  const run = crypto.randomUUID();
  const staged = {
    documents: new Stage((n, text) => documents.stage(run, n, text)),
    tables: new Stage((n, text) => tables.stage(run, n, text)),
  };
  let migrations: z.infer<typeof Applied>[] = [];
  let [lines, isBegun, isEnded] = [0, false, false];
  for await (const { n, text } of linesOf(stream)) {
    const value = parseLine(n, text);
    if (!isBegun) {
      if (!Header.safeParse(value).success) throw badLine(n, "it is not the header of a backup");
      isBegun = true;
      continue;
    }
    if (isEnded) throw badLine(n, "it comes after the end of the backup");
    const end = End.safeParse(value);
    if (end.success) {
      if (end.data.lines !== lines) throw badLine(n, `the backup must have ${end.data.lines} lines, got ${lines}`);
      isEnded = true;
      continue;
    }
    lines++;
    const migrated = Migrated.safeParse(value);
    if (migrated.success) migrations = migrated.data.migrations;
    else if (SqlLine.safeParse(value).success) await staged.tables.add(text);
    else if (DocumentLine.safeParse(value).success) await staged.documents.add(text);
    else throw badLine(n, "it is no line of a backup");
  }
  if (!isEnded) throw new DoError("INVALID_ARGUMENT", "Cannot restore: the backup has no end; it was cut off", { reason: "CUT_OFF" });
  const [ofDocuments, ofTables] = [await staged.documents.end(), await staged.tables.end()];
  // Tables first: they are what can still be refused, by SQLite.
  const restored = await tables.restore(run, ofTables, migrations);
  return { ...restored, ...(await documents.restore(run, ofDocuments, call)) };
}

/** Sends lines on in pieces. */
class Stage {
  readonly #send: (n: number, text: string) => PromiseLike<void>;
  #text = "";
  #pieces = 0;

  constructor(send: (n: number, text: string) => PromiseLike<void>) {
    this.#send = send;
  }

  async add(next: string): Promise<void> {
    this.#text += `${next}\n`;
    while (this.#text.length >= PIECE_CHARACTERS) await this.#flush(pieceEnd(this.#text));
  }

  /** @returns how many pieces there are */
  async end(): Promise<number> {
    // Also when there is nothing: the first piece clears what an earlier restore left.
    if (this.#text !== "" || this.#pieces === 0) await this.#flush(this.#text.length);
    return this.#pieces;
  }

  async #flush(end: number): Promise<void> {
    const piece = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    await this.#send(this.#pieces++, piece);
  }
}

/** Not between the two halves of a character, which SQLite would not keep. */
function pieceEnd(text: string): number {
  const last = text.charCodeAt(PIECE_CHARACTERS - 1);
  return last >= 0xd800 && last <= 0xdbff ? PIECE_CHARACTERS - 1 : PIECE_CHARACTERS;
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
