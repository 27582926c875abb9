/** What do is compared with: the Worker Loader, and a Durable Object, behind the least HTTP, in one plain workerd. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binding, config, disk, worker } from "../host/src/config/capnp.ts";
import { PLAIN_DB } from "./plain-db.ts";

const ISOLATE = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  run() {
    return 2 + 2;
  }
}
`;

/** Plain JavaScript for workerd. A fresh isolate for each request, with no network and no environment. */
const BARE_WORKER = `${PLAIN_DB}
const modules = { "main.js": ${JSON.stringify(ISOLATE)} };
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/plain") return plain(request, env);
    const code = async () => ({ compatibilityDate: "2026-08-01", mainModule: "main.js", modules, globalOutbound: null, env: {} });
    return new Response(String(await env.LOADER.get(null, code).getEntrypoint().run()));
  },
};
`;

/** @returns the path of its configuration */
export function writeBare(folder: string): string {
  writeFileSync(join(folder, "bare.js"), BARE_WORKER);
  const main = worker({
    modules: ['(name = "bare.js", esModule = embed "bare.js")'],
    bindings: [binding("LOADER", "workerLoader = ()"), binding("PLAIN", 'durableObjectNamespace = "Plain"')],
    durableObjects: [{ className: "Plain", uniqueKey: "bench-plain" }],
  });
  const storage = join(folder, "bare-storage");
  mkdirSync(storage);
  const path = join(folder, "bare.capnp");
  writeFileSync(path, config({ main, services: [disk(storage)], isRpc: false, v8Flags: [] }));
  return path;
}
