/** The Worker Loader behind the least HTTP: a fresh isolate for each request, with no network and no environment. */
import type { Peer } from "./peer.ts";
import { startWorker } from "./workerd.ts";

const ISOLATE = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  run() {
    return 2 + 2;
  }
}
`;

/** It runs the same code whatever it is sent: nothing is compiled. */
const BARE_WORKER = `const modules = { "main.js": ${JSON.stringify(ISOLATE)} };
export default {
  async fetch(request, env) {
    const code = async () => ({ compatibilityDate: "2026-08-01", mainModule: "main.js", modules, globalOutbound: null, env: {} });
    return new Response(String(await env.LOADER.get(null, code).getEntrypoint().run()));
  },
};
`;

export function startBare(folder: string): Promise<Peer> {
  return startWorker("bare", folder, BARE_WORKER);
}
