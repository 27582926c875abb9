/** Answers each request by running its code in a new isolate, which is disposed of. Tells its parent its port. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import ivm from "isolated-vm";

async function run(request: IncomingMessage): Promise<string> {
  const { code } = JSON.parse(await text(request)) as { code: string };
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  try {
    const context = await isolate.createContext();
    return String(await context.evalClosure(code, [], { timeout: 1_000 }));
  } finally {
    isolate.dispose();
  }
}

const server = createServer((request, response) => {
  run(request).then(
    (answer) => response.end(answer),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
process.once("disconnect", () => process.exit());
