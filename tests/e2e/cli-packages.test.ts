import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connect } from "../../sdk/src/index.ts";
import { doer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";
import { tarballOf } from "../support/tarballs.ts";

interface Published {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Record<string, string>;
}

/** A registry as npm asks one, for npm itself. */
class Registry {
  readonly #packages = new Map<string, Map<string, { manifest: Published; bytes: Uint8Array }>>();
  readonly #server: Server = createServer((request, response) => {
    const [, name = "", file] = /^\/([^/]+)(?:\/-\/(.+)\.tgz)?$/.exec(decodeURIComponent(request.url ?? "")) ?? [];
    const versions = this.#packages.get(name);
    if (!versions) return void response.writeHead(404).end("{}");
    const bytes = file === undefined ? undefined : versions.get(file)?.bytes;
    return void response.end(bytes ?? JSON.stringify(this.#document(name, versions)));
  });

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  start = () => new Promise<void>((resolve) => void this.#server.listen(0, "127.0.0.1", resolve));
  stop = () => void this.#server.close();

  async publish(manifest: Published, code: string): Promise<void> {
    const versions = this.#packages.get(manifest.name) ?? new Map<string, { manifest: Published; bytes: Uint8Array }>();
    versions.set(manifest.version, { manifest, bytes: await tarballOf(manifest, { "index.js": code }) });
    this.#packages.set(manifest.name, versions);
  }

  #document(name: string, versions: ReadonlyMap<string, { manifest: Published; bytes: Uint8Array }>): object {
    const all = [...versions.values()].map(({ manifest, bytes }) => {
      const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
      return [manifest.version, { ...manifest, dist: { tarball: `${this.url}${name}/-/${manifest.version}.tgz`, integrity } }] as const;
    });
    return { name, "dist-tags": { latest: all.at(-1)?.[0] }, versions: Object.fromEntries(all) };
  }
}

let host: TestHost;
let folder: string;
let env: Record<string, string>;
const registry = new Registry();
const run = async (...args: string[]) => doer(args, { env, cwd: folder });

beforeAll(async () => {
  [host] = await Promise.all([testHost(), registry.start()]);
  folder = mkdtempSync(join(tmpdir(), "do-packages-"));
  env = { DO_URL: host.url, DO_KEY: host.rootKey, PATH: process.env["PATH"] ?? "", HOME: folder };
  Object.assign(env, { npm_config_registry: registry.url, npm_config_cache: join(folder, "cache"), npm_config_update_notifier: "false" });
  await registry.publish({ name: "greets", version: "1.0.0" }, "exports.greet = () => 'old';");
  await registry.publish({ name: "greets", version: "1.4.0" }, "exports.greet = () => 'hello';");
  await registry.publish({ name: "greets", version: "2.0.0" }, "exports.greet = () => 'new';");
  await registry.publish(
    { name: "polite", version: "3.0.0", dependencies: { greets: "^1.0.0" } },
    "const { greet } = require('greets'); exports.polite = (who) => greet() + ', ' + who;",
  );
});
afterAll(async () => {
  registry.stop();
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

it("doer packages add takes a package of the registry with what it needs; deploying then needs no network", async () => {
  const added = await run("packages", "add", "polite@3");
  expect(added).toMatchObject({ code: 0, stderr: "" });
  expect(added.stdout).toMatch(/^greets@1\.4\.0 sha512-\S+\npolite@3\.0\.0 sha512-\S+\n$/);
  expect((await run("packages", "add", "greets")).stdout).toMatch(/^greets@2\.0\.0 /);
  registry.stop();
  writeFileSync(
    join(folder, "hi.ts"),
    'import { polite } from "polite"; import { greet } from "greets"; export default ({ input }) => [polite(input), greet()];',
  );
  expect(await run("deploy", "hi.ts")).toMatchObject({ code: 0 });
  expect(await connect(host.url, host.rootKey).gateway.invoke("hi", "ada")).toEqual(["hello, ada", "new"]);
  expect((await run("functions", "versions", "hi")).stdout).toContain(" greets@1.4.0 greets@2.0.0 polite@3.0.0");
  const { stdout } = await run("packages", "list");
  expect(stdout).toMatch(/greets@2\.0\.0 +\* /);
  expect(stdout).toMatch(/polite@3\.0\.0 +\* /);
});

it("a tarball is what its integrity says, or is not added", async () => {
  writeFileSync(join(folder, "own.tgz"), await tarballOf({ name: "own", version: "0.1.0" }, { "index.js": "export default 7" }));
  const wrong = `sha512-${"A".repeat(86)}==`;
  expect(await run("packages", "add", "./own.tgz", "--integrity", wrong)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("has the integrity sha512-") as string,
  });
  const added = await run("packages", "add", "./own.tgz", "--json");
  const { packages } = JSON.parse(added.stdout) as { packages: { package: { integrity: string }; created: boolean }[] };
  expect(packages).toMatchObject([{ package: { id: "own@0.1.0" }, created: true }]);
  expect(await run("packages", "add", "./own.tgz", "--integrity", packages[0]?.package.integrity ?? "")).toMatchObject({ code: 0 });
  expect((await run("packages", "remove", "own@0.1.0")).stdout).toBe("own@0.1.0 is removed\n");
});

it("what is no package is refused", async () => {
  writeFileSync(join(folder, "text.tgz"), "text");
  expect(await run("packages", "add", "./text.tgz")).toMatchObject({ code: 2, stderr: expect.stringContaining("is no package") as string });
  expect(await run("packages", "add", "./gone.tgz")).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot read") as string });
  for (const spec of ["github:a/b", "../folder", "--help-me", "git+ssh://x"]) {
    expect(await run("packages", "add", "--", spec)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not of the registry") as string,
    });
  }
});
