import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";

/** A listener on loopback, there to be tried. */
export default async function setup(project: TestProject): Promise<() => void> {
  const server = createServer((_request, response) => response.end("reached"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  project.provide("canaryUrl", `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
