import { interleave, median, quantile } from "../measure.ts";
import { milliseconds, printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const ROUNDS = 500;
const WARM_UP = 50;
const CODE = "return 2 + 2";
const GOAL = 2;

/** A fresh isolate for each request: do against the bare Worker Loader, and that against itself. */
export async function cold(server: Server): Promise<void> {
  const [client, bare] = [server.doClient(1), server.peerClient(server.bare, 1)];
  let n = 0;
  const run = async (code: string) => {
    const { result } = await client.execute(code);
    if (result !== 4) throw new Error(`do answered ${String(result)}`);
  };
  const runBare = async () => {
    const text = await bare.post("/", JSON.stringify({ code: CODE }));
    if (text !== "4") throw new Error(`the bare Worker answered ${text}`);
  };
  const samples = await interleave(
    {
      "do, same code": () => run(CODE),
      "do, new code each time": () => run(`${CODE} // ${n++}`),
      "bare loader": runBare,
      "bare loader again (control)": runBare,
    },
    { warmUp: WARM_UP, rounds: ROUNDS },
  );
  const base = median(samples.get("bare loader") ?? []);
  printTable(
    `cold: ${CODE} in a fresh isolate, ${ROUNDS} each in random turns, one client (goal: at most ${GOAL} x bare; control 0.95-1.05)`,
    ["", "median ms", "p95 ms", "x bare"],
    [...samples].map(([name, ms]) => [name, milliseconds(median(ms)), milliseconds(quantile(ms, 0.95)), ratio(median(ms) / base)]),
  );
}
