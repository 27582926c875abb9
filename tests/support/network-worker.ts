import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { config, binding, network, worker } from "../../host/src/config/capnp.ts";
import { startWorkerd } from "../../host/src/process/workerd.ts";

export interface NetworkWorker {
  /** What a network of the front's configuration answers, without any rule before it; "refused" when it does not connect. */
  ask(network: "PUBLIC" | "LOOPBACK", url: string): Promise<string>;
  /** Sets where names lead, from now on: the lines of its hosts file. */
  resolve(lines: string): void;
  stop(): Promise<void>;
}

const SOURCE = `export default {
  async fetch(request, env) {
    const { network, url } = await request.json();
    const answer = await env[network].fetch(url, { redirect: "manual" }).then((r) => r.text(), () => "refused");
    return new Response(answer);
  },
};`;

/** A workerd with the networks that the host gives to the front, in which the files of names are ours. Needs bubblewrap. */
export async function startNetworkWorker(): Promise<NetworkWorker> {
  const dir = mkdtempSync(join(tmpdir(), "do-network-"));
  const hosts = join(dir, "hosts");
  writeFileSync(hosts, "");
  writeFileSync(join(dir, "main.js"), SOURCE);
  const main = worker({
    modules: ['(name = "main.js", esModule = embed "main.js")'],
    bindings: [binding("PUBLIC", 'service = "public"'), binding("LOOPBACK", 'service = "loopback"')],
    durableObjects: [],
  });
  const services = [network("public", ["public"]), network("loopback", ["127.0.0.1/32"])];
  writeFileSync(join(dir, "network.capnp"), config({ main, services, isRpc: false, v8Flags: [] }));
  const ignore = () => {};
  const workerd = await startWorkerd({
    configPath: join(dir, "network.capnp"),
    socketPath: join(dir, "s"),
    env: {},
    confine: (command) => ["bwrap", "--dev-bind", "/", "/", "--die-with-parent", "--bind", hosts, "/etc/hosts", ...command],
    onLine: ignore,
    onError: ignore,
  });
  return {
    ask: (name, url) => post(workerd.socketPath, JSON.stringify({ network: name, url })),
    // The same file, written in place: it is bound by its inode.
    resolve: (lines) => writeFileSync(hosts, lines),
    stop: async () => {
      workerd.kill("SIGKILL");
      await workerd.ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function post(socketPath: string, body: string): Promise<string> {
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    request({ socketPath, path: "/", method: "POST" }, resolve).once("error", reject).end(body);
  });
  return readText(response);
}
