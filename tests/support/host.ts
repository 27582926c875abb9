import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SMALL, startHost, type Host, type HostOptions } from "../../host/src/host.ts";
import { SILENT } from "../../host/src/log.ts";
import { BUNDLE_DIR } from "./build.ts";

export interface TestHost extends Host {
  /** A request with the root key. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  execute(request: object, headers?: Record<string, string>): Promise<Response>;
}

/** A host of its own for a test file: a free port, a new data folder that goes when it stops. */
export async function testHost(config?: object, options: Partial<HostOptions> = {}): Promise<TestHost> {
  const data = mkdtempSync(join(tmpdir(), "do-test-"));
  const host = await startHost({
    bundleDir: BUNDLE_DIR,
    data,
    host: "127.0.0.1",
    port: 0,
    rootKey: undefined,
    log: SILENT,
    ...SMALL,
    config: config && JSON.stringify(config),
    ...options,
  });
  const ask = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${host.rootKey}`);
    return fetch(host.url + path, { ...init, headers });
  };
  return {
    ...host,
    get pids() {
      return host.pids;
    },
    ask,
    execute: (request, headers = {}) =>
      ask("/execute", { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(request) }),
    stop: async () => {
      await host.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
