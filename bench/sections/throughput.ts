import { startCodemode } from "../peers/codemode.ts";
import { startIsolatedVm } from "../peers/isolated-vm.ts";
import type { Peer } from "../peers/peer.ts";
import { mean, perSecond, repeat } from "../measure.ts";
import { printTable, ratio } from "../print.ts";
import type { Server } from "../server.ts";

const CONCURRENCIES = [1, 8, 32, 128] as const;
/** Short turns, so that all meet the same weather on the machine. */
const TURNS = 6;
const TURN_MS = 500;
const WARM_UP = 64;
const CODE = "return 2 + 2";
const GOAL = 1.4;

/** Fresh sandboxes per second: of do, of the bare Worker Loader, and of what else there is. */
export async function throughput(server: Server, isQuick: boolean): Promise<void> {
  const peers = await startPeers(server.folder);
  const kill = () => {
    for (const peer of peers) peer.kill();
  };
  process.once("exit", kill);
  const rows = [];
  for (const concurrency of CONCURRENCIES) rows.push(await row(server, [server.bare, ...peers], concurrency, isQuick ? 2 : TURNS));
  process.removeListener("exit", kill);
  kill();
  await Promise.all(peers.map(({ ended }) => ended));
  printTable(
    `throughput: ${CODE} in a fresh sandbox, per second, in turns of ${TURN_MS} ms (goal: at least ${GOAL} x bare with 32 clients, on two cores)`,
    ["clients", "do", "do / bare", "bare", ...peers.map(({ name }) => name)],
    rows,
  );
}

async function startPeers(folder: string): Promise<Peer[]> {
  const isolatedVm = await startIsolatedVm();
  if (!isolatedVm) console.log("\nthroughput: without isolated-vm, which has no binary for this machine");
  return [await startCodemode(folder), ...(isolatedVm ? [isolatedVm] : [])];
}

async function row(server: Server, peers: readonly Peer[], concurrency: number, turns: number): Promise<string[]> {
  const client = server.doClient(concurrency);
  const targets = [
    async () => void (await client.execute(CODE)),
    ...peers.map((peer) => {
      const peerClient = server.peerClient(peer, concurrency);
      return async () => {
        const text = await peerClient.post("/", JSON.stringify({ code: CODE }));
        if (text !== "4") throw new Error(`${peer.name} answered ${text}`);
      };
    }),
  ].map((run) => ({ run, rates: [] as number[] }));
  for (const { run } of targets) await repeat(WARM_UP + concurrency, concurrency, run);
  for (let turn = 0; turn < turns; turn++) {
    for (const { run, rates } of targets) rates.push(await perSecond(TURN_MS, concurrency, run));
  }
  const [ours = 0, bare = 0, ...others] = targets.map(({ rates }) => mean(rates));
  return [String(concurrency), ours.toFixed(0), ratio(ours / bare), bare.toFixed(0), ...others.map((rate) => rate.toFixed(0))];
}
