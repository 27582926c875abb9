import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { consent } from "../support/consent.ts";
import { testHost, type TestHost } from "../support/host.ts";

const SUITE = join(dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")), "dist/index.js");
const USER = { email: "ada@example.test", password: "correct horse battery" };

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
  await call("createTenant", ["acme"]);
  await call("createUser", [USER.email, { password: USER.password, withoutTenant: true }]);
});
afterAll(() => host.stop());

async function call(method: string, params: unknown[]): Promise<Record<string, unknown>> {
  const response = await host.ask(`/rpc/auth/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ params }),
  });
  const body = (await response.json()) as { result?: Record<string, unknown> };
  if (!body.result) throw new Error(JSON.stringify(body));
  return body.result;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

/** What the person does. */
async function play(url: string): Promise<void> {
  await fetch(await consent(url, USER));
}

/** Runs the suite to its end; where it asks a person to open a page, the person is played. */
async function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [SUITE, "authorization", "--url", host.url, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let opened = false;
  const read = (chunk: Buffer) => {
    output += chunk.toString();
    const [url] = new RegExp(`${host.url}/authorize\\?[^\\s"']+`).exec(output) ?? [];
    if (url === undefined || opened) return;
    opened = true;
    play(url).catch((error: unknown) => {
      output += String(error);
      child.kill();
    });
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  const code = await new Promise<number | null>((resolve) => void child.once("close", resolve));
  return { code, output };
}

it("the authorization scenarios of @modelcontextprotocol/conformance pass", async () => {
  const port = await freePort();
  const { clientId } = await call("createClient", ["conformance", [`http://127.0.0.1:${port}/callback`]]);
  // All in one run: the second scenario reads the metadata that the first has fetched.
  const { code, output } = await run(["--client-id", String(clientId), "--resource", `${host.url}/mcp`, "--port", String(port)]);
  expect(output).toContain("authorization-server-metadata-endpoint: 2 passed, 0 failed");
  expect(output).toContain("authorization-code-grant: 1 passed, 0 failed");
  expect(code).toBe(0);
});
