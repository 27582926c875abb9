import { Client } from "../client.ts";
import { interleave, median } from "../measure.ts";
import { startOneProcess } from "../peers/one-process.ts";
import { milliseconds, printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const ROOT_KEY = "do_root_of_the_bench_0123456789abcdef";
const ROUNDS = 15;
const WARM_UP = 3;
/** In one execution or request, so that what it costs to start one hardly counts. */
const CALLS = 1_000;
const BATCH = 100;
const PAGE = 10;
const FILLED_AT_ONCE = 10_000;

interface Pair {
  /** Code of a guest; `i` counts its calls. */
  readonly code: string;
  readonly calls: number;
  readonly method: string;
  readonly args: (i: number) => unknown[];
  readonly goal: number;
}

/** db from a guest, against the same statements in a plain Durable Object that a Worker calls, all in one process. */
export async function db(server: Server, isQuick: boolean): Promise<void> {
  const peer = await startOneProcess(server.folder, ROOT_KEY);
  const [client, bare] = [new Client(peer.port, ROOT_KEY, 1), new Client(peer.port, ROOT_KEY, 1)];
  try {
    await measureAll(client, bare, isQuick);
  } finally {
    client.close();
    bare.close();
    peer.kill();
    await peer.ended;
  }
}

async function measureAll(client: Client, bare: Client, isQuick: boolean): Promise<void> {
  const plain = (method: string, calls: unknown[][]) => bare.post("/plain", JSON.stringify({ method, calls }));
  await client.execute(
    `await db.query("CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)"); await db.defineCollection("docs", { search: { fields: ["text"] } })`,
  );
  const insert = `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000) INSERT INTO t SELECT i, 'row ' || i FROM c`;
  await client.execute(`await db.query(${JSON.stringify(insert)})`);
  await plain("query", [[insert, []]]);
  let size = 0;
  let next = 0;
  const fresh = () => `w${next++}`;
  const fill = async (to: number) => {
    for (; size < to; size += FILLED_AT_ONCE) await fillBoth(client, bare, size, Math.min(to, size + FILLED_AT_ONCE));
    size = to;
  };
  await fill(1_000);

  const statement = { sql: "INSERT INTO t (s) VALUES (?)", params: ["x"] };
  const single: Record<string, Pair> = {
    "SQL, read a row": {
      code: `await db.query("SELECT * FROM t WHERE id = ?", [1 + (i % 1000)])`,
      calls: CALLS,
      method: "query",
      args: (i) => ["SELECT * FROM t WHERE id = ?", [1 + (i % 1_000)]],
      goal: 3,
    },
    "SQL, write a row": {
      code: `await db.query("INSERT INTO t (s) VALUES (?)", ["x"])`,
      calls: CALLS,
      method: "query",
      args: () => [statement.sql, statement.params],
      goal: 3,
    },
    "document, get": {
      code: `await db.get("docs", "d" + (i % 1000))`,
      calls: CALLS,
      method: "get",
      args: (i) => [`d${i % 1_000}`],
      goal: 3,
    },
    "document, insert": {
      code: `await db.insert("writes", { n: i, text: "some text of a document" })`,
      calls: CALLS,
      method: "insert",
      args: (i) => [fresh(), { n: i, text: "some text of a document" }],
      goal: 3,
    },
    [`SQL, batch of ${BATCH} writes`]: {
      code: `await db.batch(Array.from({ length: ${BATCH} }, () => (${JSON.stringify(statement)})))`,
      calls: 50,
      method: "batch",
      args: () => [Array.from({ length: BATCH }, () => statement)],
      goal: 1.2,
    },
  };
  await compare("1,000 rows", client, plain, single);

  const growth: string[][] = [];
  for (const rows of isQuick ? [1_000, 10_000, 100_000] : [1_000, 10_000, 100_000, 1_000_000]) {
    await fill(rows);
    const search: Record<string, Pair> = {
      [`search over ${rows.toLocaleString("en-US")}`]: {
        code: `await db.search("docs", "word7 word11", { limit: ${PAGE} })`,
        calls: rows > 100_000 ? 10 : 100,
        method: "search",
        args: () => [`"word7" AND "word11"`, PAGE],
        goal: 1.2,
      },
    };
    await compare(`${rows.toLocaleString("en-US")} documents`, client, plain, search);
    growth.push(await grown(client, rows));
  }
  printTable(
    "db: ms for each call from a guest, by the number of documents",
    ["documents", "get", "insert", "list of 10", "filter, indexed", "search"],
    growth,
  );
}

async function compare(
  title: string,
  client: Client,
  plain: (method: string, calls: unknown[][]) => Promise<string>,
  pairs: Record<string, Pair>,
): Promise<void> {
  const rows: string[][] = [];
  for (const [name, { code, calls, method, args, goal }] of Object.entries(pairs)) {
    const samples = await interleave(
      {
        db: () => client.execute(`for (let i = 0; i < ${calls}; i++) ${code}`),
        plain: () =>
          plain(
            method,
            Array.from({ length: calls }, (_, i) => args(i)),
          ),
      },
      { warmUp: WARM_UP, rounds: ROUNDS },
    );
    const [ours, base] = [median(samples.get("db") ?? []) / calls, median(samples.get("plain") ?? []) / calls];
    rows.push([name, milliseconds(ours), milliseconds(base), ratio(ours / base), `at most ${goal}`]);
  }
  printTable(
    `db: ${title}, median of ${ROUNDS} turns, a guest's call against a Worker's call of a Durable Object`,
    ["", "db ms", "plain ms", "x plain", "goal"],
    rows,
  );
}

/** How each kind of call grows with the collection. */
async function grown(client: Client, rows: number): Promise<string[]> {
  const calls = [
    `db.get("docs", "d" + ((i * 7919) % ${rows}))`,
    `db.insert("docs", { n: -1, text: "nothing of the kind" })`,
    `db.list("docs", { limit: ${PAGE}, orderBy: ["$id"], where: { $id: { gt: "d5" } } })`,
    `db.list("docs", { limit: ${PAGE}, where: { n: (i * 7919) % ${rows} } })`,
    `db.search("docs", "word7 word11", { limit: ${PAGE} })`,
  ];
  await client.execute(`await db.defineCollection("docs", { search: { fields: ["text"] }, indexes: [["n"]] })`);
  const cells: string[] = [];
  for (const call of calls) {
    const samples = await interleave({ db: () => client.execute(`for (let i = 0; i < 20; i++) await ${call}`) }, { warmUp: 1, rounds: 5 });
    cells.push(milliseconds(median(samples.get("db") ?? []) / 20));
  }
  return [rows.toLocaleString("en-US"), ...cells];
}

/** Twenty words each, of a thousand, the first ones more often. */
async function fillBoth(client: Client, bare: Client, from: number, to: number): Promise<void> {
  const documents = Array.from({ length: to - from }, (_, i) => {
    let seed = from + i + 1;
    const words = Array.from({ length: 20 }, () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return `word${Math.floor((seed / 2_147_483_647) ** 2 * 1_000)}`;
    });
    return { id: `d${from + i}`, n: from + i, text: words.join(" ") };
  });
  await client.post("/db/import?collection=docs", documents.map((document) => JSON.stringify(document)).join("\n"));
  await bare.post("/plain", JSON.stringify({ method: "fill", calls: [[documents]] }));
}
