/** Cloudflare's own way to run code of a model: `@cloudflare/codemode`, in one plain workerd, with no tools to call. */
import { build } from "esbuild";
import { ROOT } from "../../host/src/bundle.ts";
import type { Peer } from "./peer.ts";
import { startWorker } from "./workerd.ts";

const CODEMODE_WORKER = `import { DynamicWorkerExecutor } from "@cloudflare/codemode";
export default {
  async fetch(request, env) {
    const { code } = await request.json();
    const executor = new DynamicWorkerExecutor({ loader: env.LOADER, globalOutbound: null });
    const { result, error } = await executor.execute("async () => { " + code + "\\n}", []);
    return error ? new Response(error, { status: 500 }) : new Response(String(result));
  },
};
`;

export async function startCodemode(folder: string): Promise<Peer> {
  const { outputFiles } = await build({
    stdin: { contents: CODEMODE_WORKER, resolveDir: ROOT, loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    legalComments: "none",
    logLevel: "silent",
  });
  const [script] = outputFiles;
  if (!script) throw new Error("esbuild wrote nothing");
  return startWorker("codemode", folder, script.text);
}
