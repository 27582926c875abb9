import { Client } from "../client.ts";
import { interleave, median } from "../measure.ts";
import { startOneProcess } from "../peers/one-process.ts";
import { milliseconds, printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const ROOT_KEY = "do_root_of_the_bench_0123456789abcdef";
const ROUNDS = 15;
const WARM_UP = 3;
const BATCH = 100;
/** In one execution or request, so that what it costs to start one hardly counts. */
const BATCHES = 20;
const GOAL = 2;

const MESSAGES = `Array.from({ length: ${BATCH} }, (_, n) => ({ body: { n, text: "some text of a message" } }))`;

/**
 * Sending, and receiving with acknowledgement, against the same rows in a plain Durable Object that a Worker calls, which
 * inserts them, marks and reads them, and deletes them, and knows nothing of queues; all in one process.
 */
export async function queue(server: Server, isQuick: boolean): Promise<void> {
  const peer = await startOneProcess(server.folder, ROOT_KEY);
  const [client, bare] = [new Client(peer.port, ROOT_KEY, 1), new Client(peer.port, ROOT_KEY, 1)];
  try {
    await client.execute(`await queue.create("bench"); await queue.create("bench.fifo")`);
    await compare(client, bare, isQuick ? 5 : ROUNDS);
    await throughput(client);
  } finally {
    client.close();
    bare.close();
    peer.kill();
    await peer.ended;
  }
}

async function compare(client: Client, bare: Client, rounds: number): Promise<void> {
  const bodies = Array.from({ length: BATCH }, (_, n) => ({ n, text: "some text of a message" }));
  const plain = (method: string, args: unknown[]) =>
    bare.post("/plain", JSON.stringify({ method, calls: Array.from({ length: BATCHES }, () => args) }));
  const loop = (code: string) => client.execute(`for (let i = 0; i < ${BATCHES}; i++) { ${code} }`);
  const samples = { send: [[], []] as [number[], number[]], take: [[], []] as [number[], number[]] };
  // What one sends the next takes: both sides have as many messages at each step.
  for (let round = -WARM_UP; round < rounds; round++) {
    const sent = await interleave(
      { ours: () => loop(`await queue.sendBatch("bench", ${MESSAGES})`), plain: () => plain("enqueue", [bodies]) },
      { warmUp: 0, rounds: 1 },
    );
    const taken = await interleave(
      {
        ours: () =>
          loop(
            `const { messages } = await queue.receive("bench", { max: ${BATCH} }); if (messages.length !== ${BATCH}) throw new Error(String(messages.length)); await queue.ack("bench", messages.map((m) => m.receipt))`,
          ),
        plain: () => plain("takeAll", [BATCH]),
      },
      { warmUp: 0, rounds: 1 },
    );
    if (round < 0) continue;
    samples.send[0].push(...(sent.get("ours") ?? []));
    samples.send[1].push(...(sent.get("plain") ?? []));
    samples.take[0].push(...(taken.get("ours") ?? []));
    samples.take[1].push(...(taken.get("plain") ?? []));
  }
  const row = (name: string, [ours, base]: [number[], number[]]) => {
    const [a, b] = [median(ours) / BATCHES, median(base) / BATCHES];
    return [name, milliseconds(a), milliseconds(b), ratio(a / b), `at most ${GOAL}`];
  };
  const both: [number[], number[]] = [0, 1].map((side) =>
    samples.send[side as 0 | 1].map((ms, i) => ms + (samples.take[side as 0 | 1][i] ?? 0)),
  ) as [number[], number[]];
  printTable(
    `queue: ${BATCH} messages at a time, median of ${rounds} turns, a guest's call against a Worker's call of a Durable Object`,
    ["", "queue ms", "plain ms", "x plain", "goal"],
    [row("send", samples.send), row("receive and ack", samples.take), row("both", both)],
  );
}

/** Messages in a second, from one guest, one call after the other. */
async function throughput(client: Client): Promise<void> {
  const rate = async (code: string, messages: number) => {
    const started = performance.now();
    await client.execute(code);
    return Math.round(messages / ((performance.now() - started) / 1_000)).toLocaleString("en-US");
  };
  const take = (name: string) =>
    `for (let n = 0; n < 5000; ) { const { messages } = await queue.receive("${name}", { max: ${BATCH} }); n += messages.length; await queue.ack("${name}", messages.map((m) => m.receipt)); }`;
  const rows = [
    ["send, 100 at a time", await rate(`for (let i = 0; i < 50; i++) await queue.sendBatch("bench", ${MESSAGES})`, 5_000)],
    ["receive and ack, 100 at a time", await rate(take("bench"), 5_000)],
    ["send, one at a time", await rate(`for (let i = 0; i < 1000; i++) await queue.send("bench", { n: i })`, 1_000)],
    [
      "FIFO: send to 1,000 groups, 100 at a time",
      await rate(
        `for (let i = 0; i < 50; i++) await queue.sendBatch("bench.fifo", Array.from({ length: ${BATCH} }, (_, n) => ({ body: n, groupId: "g" + ((i * ${BATCH} + n) % 1000) })))`,
        5_000,
      ),
    ],
    ["FIFO: receive and ack of them", await rate(take("bench.fifo"), 5_000)],
  ];
  printTable("queue: messages in a second, one guest", ["", "per second"], rows);
}
