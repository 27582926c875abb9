import * as z from "zod";
import { DoError, toDoError } from "../../../../sdk/src/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { Call, Imported } from "../database.ts";
import type { Data } from "../documents/entity.ts";
import { segmentsOf, valueAt } from "../documents/path.ts";
import { CollectionName, Data as DataShape, Definition, Id, type ImportOptions } from "../shapes.ts";
import type { TenantDatabase } from "../tenant.ts";
import { badLine, linesOf, parseLine } from "./lines.ts";

/** A line of an export, of which an import reads only what it needs. */
const ImportLine = z.discriminatedUnion("type", [
  z.object({ type: z.literal("header") }),
  z.object({ type: z.literal("end") }),
  z.object({ type: z.literal("collection"), name: CollectionName, definition: Definition }),
  z.object({ type: z.literal("document"), collection: CollectionName, id: Id, data: DataShape, expiresAt: z.iso.datetime().optional() }),
]);

const DOCUMENTS_AT_ONCE = 500;
const CHARACTERS_AT_ONCE = 4 * 1024 * 1024;

interface Totals {
  documents: number;
  skipped: number;
}

/**
 * Writes documents from NDJSON: an export, or with `collection` the data of one document on each line. Whole pieces of
 * the stream are written; an error names the line, and says how much was written before it.
 */
export async function importFrom(
  stream: ReadableStream<Uint8Array>,
  options: z.infer<typeof ImportOptions>,
  documents: TenantDatabase["documents"],
  call: Call,
): Promise<Totals> {
  const totals: Totals = { documents: 0, skipped: 0 };
  let piece: Imported[] = [];
  let [firstLine, size] = [1, 0];
  const flush = async (n: number) => {
    if (piece.length === 0) return;
    try {
      const { written, skipped } = await documents.importDocuments(piece, options.mode ?? "upsert", call);
      totals.documents += written;
      totals.skipped += skipped;
    } catch (error) {
      throw describe(error, firstLine, n, totals);
    }
    piece = [];
    [firstLine, size] = [n + 1, 0];
  };
  let last = 0;
  for await (const { n, text } of linesOf(stream)) {
    last = n;
    const line =
      options.collection === undefined
        ? parseExported(n, text)
        : toDocument(n, text, options.collection, options.idField ?? "id", call.nowMs);
    if (line.type === "collection") {
      await flush(n);
      await documents.define(line.name, line.definition, call);
    } else if (line.type === "document") {
      const leftMs = line.expiresAt === undefined ? undefined : Date.parse(line.expiresAt) - call.nowMs;
      // Its time was over before it came here.
      if (leftMs !== undefined && leftMs <= 0) continue;
      const ttl = leftMs === undefined ? {} : { ttlSeconds: Math.ceil(leftMs / 1_000) };
      piece.push({ collection: line.collection, id: line.id, data: line.data, ...ttl });
      size += text.length;
      if (piece.length >= DOCUMENTS_AT_ONCE || size >= CHARACTERS_AT_ONCE) await flush(n);
    }
  }
  await flush(last);
  return totals;
}

function parseExported(n: number, text: string): z.infer<typeof ImportLine> {
  const parsed = ImportLine.safeParse(parseLine(n, text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badLine(n, `${issue?.path.join(".") || "type"}: ${issue?.message ?? "is not valid"}; lines of data alone need a collection`);
}

function toDocument(n: number, text: string, collection: string, idField: string, nowMs: number): z.infer<typeof ImportLine> {
  const data = parseLine(n, text);
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw badLine(n, "it must be an object");
  const given = valueAt(data, segmentsOf(idField));
  const id = Id.safeParse(given === undefined ? newId("doc", nowMs) : typeof given === "number" ? String(given) : given);
  if (!id.success) throw badLine(n, `${idField}: ${id.error.issues[0]?.message ?? "is no id"}`);
  return { type: "document", collection, id: id.data, data: data as Data };
}

function describe(error: unknown, from: number, to: number, { documents }: Totals): unknown {
  const known = toDoError(error);
  if (!known) return error;
  return new DoError(known.code, `${known.message} (in lines ${from} to ${to}; ${documents} documents before them are written)`, {
    reason: known.reason,
    details: { ...known.details, fromLine: from, toLine: to, written: documents },
  });
}
