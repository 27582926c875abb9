import { mean, perSecond, repeat } from "../measure.ts";
import { printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const CONCURRENCIES = [1, 8, 32] as const;
/** Short turns, so that both meet the same weather on the machine. */
const TURNS = 6;
const TURN_MS = 500;
const WARM_UP = 50;
const CODE = "return 2 + 2";

/** Fresh isolates per second, of do and of the bare Worker Loader. */
export async function throughput(server: Server): Promise<void> {
  const rows = [];
  for (const concurrency of CONCURRENCIES) {
    const [client, bare] = [server.doClient(concurrency), server.bareClient(concurrency)];
    const run = () => client.execute(CODE);
    const runBare = () => bare.post("/", JSON.stringify({ code: CODE }));
    await repeat(WARM_UP, concurrency, run);
    await repeat(WARM_UP, concurrency, runBare);
    const rates = { ours: [] as number[], bare: [] as number[] };
    for (let turn = 0; turn < TURNS; turn++) {
      rates.ours.push(await perSecond(TURN_MS, concurrency, run));
      rates.bare.push(await perSecond(TURN_MS, concurrency, runBare));
    }
    const [ours, base] = [mean(rates.ours), mean(rates.bare)];
    rows.push([String(concurrency), ours.toFixed(0), base.toFixed(0), ratio(ours / base)]);
  }
  printTable(
    `throughput: fresh isolates per second, ${(TURNS * TURN_MS) / 1_000} s each in turns of ${TURN_MS} ms`,
    ["clients", "do", "bare", "do / bare"],
    rows,
  );
}
