/** A process of clients that have asked once and say nothing more: `node idle-clients.ts PORT COUNT`. Ends with its input. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const [port, count] = process.argv.slice(2).map(Number) as [number, number];
const AT_ONCE = 100;
const sockets: Socket[] = [];

async function one(): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("GET /health HTTP/1.1\r\nHost: do.test\r\n\r\n");
  await once(socket, "data");
  sockets.push(socket);
}

let left = count;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await one();
  }),
);
process.stdout.write("ready\n");
await once(process.stdin.resume(), "end");
process.stdout.write(`${sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length} still open\n`, () =>
  process.exit(),
);
