import { Hono } from "hono";
import * as z from "zod";
import { splitStatements } from "../../../../core-services/db/sql/statement.ts";
import { STATUS_BY_CODE } from "../../../../../sdk/src/errors.ts";
import type { QueryResult } from "../../../../../sdk/src/db.ts";
import { DoError, publicError } from "../../errors.ts";
import { Session } from "../../session.ts";
import { readJson } from "../body.ts";
import type { HttpEnv } from "../env.ts";

const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** D1 of Cloudflare answers this number with every error of a query, and the other when there is no such database. */
const QUERY_ERROR = 7500;
const NO_DATABASE = 7404;

const Param = z.union([z.string(), z.number(), z.null(), z.boolean().transform(Number)]);
const Statement = z.object({ sql: z.string(), params: z.array(Param).optional() });
const Body = z.union([z.object({ batch: z.array(Statement).min(1) }), Statement], "must be { sql, params? } or { batch: [...] }");

/**
 * The HTTP API of Cloudflare D1, as its SDK calls it with `baseURL: "<server>/d1"`. The account is the caller's own tenant
 * and the database `main`: they are checked, and choose nothing.
 *
 * @see https://developers.cloudflare.com/api/resources/d1/subresources/database/methods/query/
 */
export const d1 = new Hono<HttpEnv>().post("/d1/accounts/:account/d1/database/:database/:form{query|raw}", async (c) => {
  try {
    const { account, database, form } = c.req.param();
    const { tenant } = Session.principalOf(c.var.caller);
    if (account !== tenant || database !== "main") {
      return c.json(failed(NO_DATABASE, `There is no such database; here it is account "${tenant}", database "main"`), 404);
    }
    const statements = statementsOf(await readJson(c.req.raw, MAX_BODY_BYTES));
    const results = (await Session.invoke(c.var.caller, "db", "batch", [statements, { counts: true }])) as QueryResult[];
    return c.json({ result: results.map((result) => toD1(result, form === "raw")), success: true, errors: [], messages: [] });
  } catch (error) {
    const { code, message } = publicError(error, c.env.requestId);
    return c.json(failed(QUERY_ERROR, message), STATUS_BY_CODE[code] as 400);
  }
});

/** Several statements in one text are a batch, as D1 has it. */
function statementsOf(body: unknown): { sql: string; params: (string | number | null)[] }[] {
  const parsed = Body.safeParse(body);
  if (!parsed.success) throw new DoError("INVALID_ARGUMENT", `The body ${parsed.error.issues[0]?.message ?? "is not valid"}`);
  const sent = "batch" in parsed.data ? parsed.data.batch : [parsed.data];
  return sent.flatMap(({ sql, params = [] }) => {
    const parts = splitStatements(sql);
    // A text that holds no statement is refused by who runs it.
    return parts.length > 1 ? parts.map((part) => ({ sql: part, params: [] })) : [{ sql: parts[0] ?? sql, params }];
  });
}

function toD1({ columns, rows, meta }: QueryResult, isRaw: boolean) {
  const cells = rows.map((row) =>
    Object.entries(row).map(([name, cell]) => [name, cell instanceof Uint8Array ? [...cell] : cell] as const),
  );
  return {
    results: isRaw ? { columns, rows: cells.map((row) => row.map(([, cell]) => cell)) } : cells.map((row) => Object.fromEntries(row)),
    success: true,
    meta: {
      served_by: "do",
      duration: meta.durationMs,
      changes: meta.changes,
      last_row_id: meta.lastRowId,
      changed_db: meta.rowsWritten > 0,
      rows_read: meta.rowsRead,
      rows_written: meta.rowsWritten,
    },
  };
}

function failed(code: number, message: string) {
  return { result: null, success: false, errors: [{ code, message }], messages: [] };
}
