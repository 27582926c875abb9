import { interleave, median, quantile } from "../measure.ts";
import { milliseconds, printTable } from "../print.ts";
import type { Server } from "../server.ts";

const WARM_UP = 200;

/** What it costs to know who asks: the same route, asked by nobody (401) and with each kind of credential. */
export async function auth(server: Server, isQuick: boolean): Promise<void> {
  const root = server.doClient(1);
  const made = JSON.parse(await root.post("/rpc/auth/createApiKey", JSON.stringify({ params: ["bench", ["db:*"]] }))) as {
    result: { key: string };
  };
  const [nobody, key] = [server.doClient(1, ""), server.doClient(1, made.result.key)];
  const samples = await interleave(
    { nobody: () => nobody.get("/auth", 401), root: () => root.get("/auth", 200), key: () => key.get("/auth", 200) },
    { warmUp: WARM_UP, rounds: isQuick ? 500 : 3_000 },
  );
  const base = median(samples.get("nobody") ?? []);
  printTable(
    "auth: GET /auth, ms",
    ["credential", "median", "p95", "median over nobody's"],
    [...samples].map(([name, times]) => [
      name,
      milliseconds(median(times)),
      milliseconds(quantile(times, 0.95)),
      milliseconds(median(times) - base),
    ]),
  );
}
