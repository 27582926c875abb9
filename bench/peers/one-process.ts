/** do in one process, and beside it, in the same process, a plain Durable Object behind the least HTTP. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleOne } from "../../host/src/bundle.ts";
import { binding, config, disk, worker } from "../../host/src/config/capnp.ts";
import { wholeDo } from "../../host/src/config/one-process.ts";
import { PLAIN_DB } from "../plain-db.ts";
import type { Peer } from "./peer.ts";
import { startConfig } from "./workerd.ts";

const WORKER = `${PLAIN_DB}
export default {
  fetch(request, env) {
    return new URL(request.url).pathname === "/plain" ? plain(request, env) : env.DO.fetch(request);
  },
};
`;

export async function startOneProcess(folder: string, rootKey: string): Promise<Peer> {
  const dir = mkdtempSync(join(folder, "one-"));
  const storage = join(dir, "storage");
  mkdirSync(storage);
  await bundleOne(dir);
  writeFileSync(join(dir, "plain.js"), WORKER);
  const main = worker({
    modules: ['(name = "plain.js", esModule = embed "plain.js")'],
    bindings: [binding("PLAIN", 'durableObjectNamespace = "Plain"'), binding("DO", 'service = "do"')],
    durableObjects: [{ className: "Plain", uniqueKey: "bench-plain" }],
  });
  const path = join(dir, "one.capnp");
  writeFileSync(path, config({ main, services: [`(name = "do", worker = ${wholeDo()})`, disk(storage)], isRpc: false, v8Flags: [] }));
  return startConfig("do in one process", path, { DO_ROOT_KEY: rootKey });
}
