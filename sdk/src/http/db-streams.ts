import type { HttpClient } from "./client.ts";

const NDJSON = "application/x-ndjson";

/** The methods of db that take or answer a stream, by their own routes; undefined for the others. */
export function dbStream(http: HttpClient, method: string, params: readonly unknown[]): Promise<unknown> | undefined {
  const [first, second] = params;
  switch (method) {
    case "watch": {
      const { where, ...options } = toRecord(second);
      const query = queryOf({ ...options, ...(where === undefined ? {} : { where: JSON.stringify(where) }) });
      return http.bytes(`/db/watch/${encodeURIComponent(String(first))}${query}`, NDJSON);
    }
    case "export":
      return http.bytes(`/db/export${queryOf(listed(toRecord(first)))}`, "*/*");
    case "backup":
      return http.bytes("/db/backup", NDJSON);
    case "import":
      return sent(http, `/db/import${queryOf(toRecord(second))}`, first);
    case "restore":
      return sent(http, "/db/restore", first);
    default:
      return undefined;
  }
}

async function sent(http: HttpClient, path: string, stream: unknown): Promise<unknown> {
  const answer = (await http.json("POST", path, { body: stream as ReadableStream<Uint8Array> })) as { result?: unknown };
  return answer.result;
}

function queryOf(options: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) query.set(name, typeof value === "string" ? value : JSON.stringify(value));
  return query.size === 0 ? "" : `?${query.toString()}`;
}

/** Names go with commas between. */
function listed(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]));
}

function toRecord(options: unknown): Record<string, unknown> {
  return typeof options === "object" && options !== null ? (options as Record<string, unknown>) : {};
}
