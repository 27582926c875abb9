import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../../host/src/bundle.ts";
import { NODE } from "../../support/doer.ts";
import { open } from "../../support/wire.ts";

/** Clients that begin a request and send a byte of it now and then, half of them of the headers and half of the body. */
export async function slowClients(port: number, count: number): Promise<() => void> {
  const begun = [
    "POST /execute HTTP/1.1\r\nHost: do.test\r\nA: ",
    "POST /execute HTTP/1.1\r\nHost: do.test\r\nContent-Length: 100000\r\n\r\n",
  ];
  const sockets = await Promise.all(Array.from({ length: count }, () => open(port)));
  for (const [i, socket] of sockets.entries()) socket.resume().write(begun[i % 2] ?? "");
  const slowly = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write("a");
  }, 200);
  return () => {
    clearInterval(slowly);
    for (const socket of sockets) socket.destroy();
  };
}

/** Clients that have asked once and keep their connection, in a process of their own. The end says how many were kept. */
export async function idleClients(port: number, count: number): Promise<() => Promise<string>> {
  const child = spawn(NODE, [join(ROOT, "tests/support/idle-clients.ts"), String(port), String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return async () => {
    child.stdin.end();
    const { value } = (await lines.next()) as { value: string };
    await once(child, "exit");
    return value;
  };
}

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

/** One good client that asks for /health again and again. @throws Error when an answer is not 200 */
export async function goodClient(port: number, count: number): Promise<Latency> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    const asked = request({ host: "127.0.0.1", port, path: "/health", agent }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    await once(answer.resume(), "end");
    if (answer.statusCode !== 200) throw new Error(`/health answered ${answer.statusCode}`);
    times.push(performance.now() - startMs);
  }
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round((times[Math.min(count - 1, Math.floor(count * share))] ?? 0) * 10) / 10;
  return { p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1) };
}
