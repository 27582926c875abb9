/** What db is compared with: the same statements in a Durable Object that does nothing else. Plain JavaScript for workerd. */
export const PLAIN_DB = `import { DurableObject } from "cloudflare:workers";
export class Plain extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, s TEXT)");
    this.sql.exec("CREATE TABLE IF NOT EXISTS docs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, data TEXT NOT NULL) STRICT");
    this.sql.exec("CREATE TABLE IF NOT EXISTS changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, data TEXT NOT NULL) STRICT");
    this.sql.exec("CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, visible_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, sent_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT");
    this.sql.exec("CREATE VIRTUAL TABLE IF NOT EXISTS text USING fts5(f0, tokenize = 'unicode61 remove_diacritics 2')");
  }
  query(sql, params) {
    return this.sql.exec(sql, ...params).toArray();
  }
  batch(statements) {
    return this.ctx.storage.transactionSync(() => statements.map(({ sql, params }) => this.sql.exec(sql, ...params).toArray()));
  }
  get(id) {
    const [row] = this.sql.exec("SELECT * FROM docs WHERE id = ?", id).toArray();
    return row && { id: row.id, data: JSON.parse(row.data) };
  }
  insert(id, data) {
    const json = JSON.stringify(data);
    this.ctx.storage.transactionSync(() => {
      this.sql.exec("INSERT INTO docs (id, data) VALUES (?, ?)", id, json);
      this.sql.exec("INSERT INTO changes (id, data) VALUES (?, ?)", id, json);
    });
    return { id, data };
  }
  fill(documents) {
    this.ctx.storage.transactionSync(() => {
      for (const { id, ...data } of documents) {
        const { seq } = this.sql.exec("INSERT INTO docs (id, data) VALUES (?, ?) RETURNING seq", id, JSON.stringify(data)).one();
        this.sql.exec("INSERT INTO text (rowid, f0) VALUES (?, ?)", seq, data.text);
      }
    });
  }
  enqueue(bodies) {
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      for (const body of bodies) {
        const id = "msg_" + crypto.randomUUID();
        this.sql.exec("INSERT INTO messages (id, visible_ms, attempts, sent_ms, body) VALUES (?, ?, 0, ?, ?)", id, now, now, JSON.stringify(body));
      }
    });
    return bodies.length;
  }
  take(limit) {
    const until = Date.now() + 30_000;
    return this.sql
      .exec("UPDATE messages SET visible_ms = ?, attempts = attempts + 1 WHERE seq IN (SELECT seq FROM messages ORDER BY seq LIMIT ?) RETURNING seq, id, attempts, body", until, limit)
      .toArray()
      .map(({ body, ...row }) => ({ ...row, body: JSON.parse(body) }));
  }
  remove(seqs) {
    this.ctx.storage.transactionSync(() => {
      for (const seq of seqs) this.sql.exec("DELETE FROM messages WHERE seq = ?", seq);
    });
  }
  search(match, limit) {
    const sql = "SELECT d.id, d.data, t.rank FROM text t JOIN docs d ON d.seq = t.rowid WHERE text MATCH ? ORDER BY t.rank LIMIT ?";
    return this.sql.exec(sql, match, limit).toArray().map((row) => ({ id: row.id, score: -row.rank, data: JSON.parse(row.data) }));
  }
}
/** Calls one method many times, one after the other, as a Worker calls a Durable Object. */
export async function plain(request, env) {
  const { method, calls } = await request.json();
  const stub = env.PLAIN.getByName("bench");
  let last;
  for (const args of calls) {
    if (method !== "takeAll") last = await stub[method](...args);
    else await stub.remove((await stub.take(...args)).map(({ seq }) => seq));
  }
  return Response.json(last ?? null);
}
`;
