import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { SMALL, startHost } from "../../host/src/host.ts";
import { SILENT } from "../../host/src/log.ts";
import { connect, type DbService } from "../../sdk/src/index.ts";
import { BUNDLE_DIR } from "./build.ts";

const WRITERS = 6;
const BATCH_ROWS = 10;

/** What the server said was written, by what it is. */
interface Acknowledged {
  /** The version that each document has at least, by id. */
  readonly documents: Map<string, number>;
  readonly pairs: Set<number>;
  readonly batches: Set<string>;
}

/**
 * Writers write at once, and in the middle the process that stores is killed with SIGKILL. Each time it starts again:
 * what was acknowledged is there, what belongs together is whole or absent, and the files are sound.
 */
export async function killRounds(rounds: number): Promise<{ acknowledged: number }> {
  const data = mkdtempSync(join(tmpdir(), "do-durability-"));
  const start = () => startHost({ bundleDir: BUNDLE_DIR, data, host: "127.0.0.1", port: 0, rootKey: undefined, log: SILENT, ...SMALL });
  const done: Acknowledged = { documents: new Map(), pairs: new Set(), batches: new Set() };
  try {
    for (let round = 0; round < rounds; round++) {
      const host = await start();
      const { db } = connect(host.url, host.rootKey);
      if (round === 0) await setUp(db);
      await check(db, done);
      const writing = Array.from({ length: WRITERS }, (_, writer) => write(db, done, round, writer));
      await sleep(100 + ((round * 37) % 250));
      const { front, stores, executors } = host.pids;
      for (const pid of [front, ...stores, ...executors]) if (pid !== undefined) process.kill(pid, "SIGKILL");
      await host.stop();
      await Promise.all(writing);
      checkFiles(data);
    }
    const host = await start();
    await check(connect(host.url, host.rootKey).db, done);
    await host.stop();
    return { acknowledged: done.documents.size + done.pairs.size + done.batches.size };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function setUp(db: DbService): Promise<void> {
  await db.defineCollection("notes", { search: { fields: ["text"] }, unique: [["slug"]] });
  await db.query("CREATE TABLE batches (key TEXT, n INTEGER)");
}

/** Until the server is gone. */
async function write(db: DbService, done: Acknowledged, round: number, writer: number): Promise<void> {
  try {
    for (let n = 0; ; n++) {
      const key = `${round}-${writer}-${n}`;
      const number = (round * WRITERS + writer) * 10_000 + n;
      switch (n % 4) {
        case 0: {
          const { version } = await db.insert("notes", { slug: key, text: `note word${number}` }, { id: `n${key}` });
          done.documents.set(`n${key}`, version);
          break;
        }
        case 1: {
          const id = `shared${writer}`;
          const { entity } = await db.upsert("notes", id, { slug: id, text: `shared word${number}` });
          done.documents.set(id, entity.version);
          break;
        }
        case 2:
          await db.atomic({
            mutations: ["left", "right"].map((collection) => ({ op: "upsert" as const, collection, id: String(number), data: { number } })),
          });
          done.pairs.add(number);
          break;
        default:
          await db.batch(
            Array.from({ length: BATCH_ROWS }, (_, row) => ({ sql: "INSERT INTO batches VALUES (?, ?)", params: [key, row] })),
          );
          done.batches.add(key);
      }
    }
  } catch {
    // The server is gone: what was not answered is not acknowledged.
  }
}

async function everything(db: DbService, collection: string): Promise<{ id: string; version: number; data: Record<string, unknown> }[]> {
  const items = [];
  let cursor: string | undefined;
  do {
    const page = await db.list(collection, { limit: 1_000, cursor });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items;
}

async function check(db: DbService, done: Acknowledged): Promise<void> {
  const notes = await everything(db, "notes");
  const versions = new Map(notes.map(({ id, version }) => [id, version]));
  const lost = [...done.documents].filter(([id, version]) => (versions.get(id) ?? 0) < version);
  expect(lost, "acknowledged documents that are not there").toEqual([]);
  const [left, right] = [await everything(db, "left"), await everything(db, "right")];
  expect(left, "of a transaction both are there, or neither").toEqual(
    right.map((item, i) => ({ ...item, createdAt: expect.any(String), updatedAt: left[i] && expect.any(String) })),
  );
  const there = new Set(left.map(({ data }) => data["number"]));
  expect(
    [...done.pairs].filter((number) => !there.has(number)),
    "acknowledged transactions that are not there",
  ).toEqual([]);
  const { rows } = await db.query("SELECT key, count(*) AS n, sum(n) AS sum FROM batches GROUP BY key", [], { mode: "ro" });
  expect(
    rows.filter(({ n, sum }) => n !== BATCH_ROWS || sum !== (BATCH_ROWS * (BATCH_ROWS - 1)) / 2),
    "batches that are not whole",
  ).toEqual([]);
  const keys = new Set(rows.map(({ key }) => key));
  expect(
    [...done.batches].filter((key) => !keys.has(key)),
    "acknowledged batches that are not there",
  ).toEqual([]);
}

interface Row {
  [column: string]: string | number | null;
}

/** The files as SQLite itself finds them, and whether feed and search are what the documents are. */
function checkFiles(data: string): void {
  const files = readdirSync(data, { recursive: true, encoding: "utf8" }).filter((name) =>
    /do-(?:sql-)?database[^/]*\/[0-9a-f]{64}\.sqlite$/.test(name),
  );
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const db = new DatabaseSync(join(data, file));
    const all = (sql: string) => db.prepare(sql).all() as Row[];
    expect(all("PRAGMA quick_check").map((row) => ({ ...row }))).toEqual([{ quick_check: "ok" }]);
    if (all("SELECT 1 FROM sqlite_schema WHERE name = 'changes'").length > 0) {
      for (const { number, name, definition } of all("SELECT number, name, definition FROM collections")) {
        expect(all(outOfStep(`docs_${number}`, String(name))), `documents and feed of ${name}`).toEqual([]);
        if (!String(definition).includes('"search"')) continue;
        const missing = `SELECT seq FROM docs_${number} EXCEPT SELECT rowid FROM text_${number}`;
        const orphaned = `SELECT rowid FROM text_${number} EXCEPT SELECT seq FROM docs_${number}`;
        const stale = `SELECT d.id FROM docs_${number} d JOIN text_${number} t ON t.rowid = d.seq WHERE t.f0 <> d.data ->> 'text'`;
        for (const sql of [missing, orphaned, stale]) expect(all(sql), `search of ${name}`).toEqual([]);
        db.exec(`INSERT INTO text_${number} (text_${number}) VALUES ('integrity-check')`);
      }
    }
    db.close();
  }
}

/** The last change of each document is what it is now; what was deleted last is not there. */
function outOfStep(table: string, name: string): string {
  return `WITH last AS (SELECT id, op, version, data, max(seq) FROM changes WHERE collection = '${name}' GROUP BY id)
    SELECT coalesce(d.id, l.id) AS id FROM ${table} d FULL JOIN last l ON l.id = d.id
    WHERE d.id IS NULL AND l.op <> 'delete' OR d.id IS NOT NULL AND (l.op IS NULL OR l.op = 'delete' OR l.version <> d.version OR l.data <> d.data)`;
}
