/** What do is compared with, in the same process: the Worker Loader, and a Durable Object, behind the least HTTP. */
import { PLAIN_DB } from "./plain-db.ts";

export const BARE_FILE = "bare.js";

const ISOLATE = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  run() {
    return 2 + 2;
  }
}
`;

/** Plain JavaScript for workerd. A fresh isolate for each request, with no network and no environment. */
export const BARE_WORKER = `${PLAIN_DB}
const modules = { "main.js": ${JSON.stringify(ISOLATE)} };
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/plain") return plain(request, env);
    const code = async () => ({ compatibilityDate: "2026-08-01", mainModule: "main.js", modules, globalOutbound: null, env: {} });
    return new Response(String(await env.LOADER.get(null, code).getEntrypoint().run()));
  },
};
`;

/** The configuration of the host with the bare Worker as a second service, on a socket of its own. */
export function withBare(config: string, compatibilityDate: string): string {
  const service = `(name = "bare", worker = (
      modules = [(name = "${BARE_FILE}", esModule = embed "${BARE_FILE}")],
      compatibilityDate = "${compatibilityDate}",
      bindings = [(name = "LOADER", workerLoader = ()), (name = "PLAIN", durableObjectNamespace = "Plain")],
      durableObjectNamespaces = [(className = "Plain", uniqueKey = "bench-plain", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
      globalOutbound = "nowhere",
    )),`;
  const withService = insertAfter(config, "  services = [\n", `    ${service}\n`);
  return insertAfter(withService, "  sockets = [", `(name = "bare", http = (), service = "bare"), `);
}

/** The host's configuration is text that changes without asking here: what is not where it was is an error. */
function insertAfter(text: string, place: string, inserted: string): string {
  const parts = text.split(place);
  if (parts.length !== 2)
    throw new Error(`The host's configuration must have ${JSON.stringify(place)} once, it has it ${parts.length - 1} times`);
  return parts.join(place + inserted);
}
