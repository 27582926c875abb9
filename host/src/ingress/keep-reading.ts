// oxlint-disable no-underscore-dangle -- the names under which a stream of Node is implemented
import type { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/**
 * A front that refuses a body answers and closes before it has read all of it. What is written then fails, and Node
 * would close the socket with the answer unread in it. So a failed write ends nothing but writing: whether the front
 * was lost is for reading to find out.
 */
export function keepReading(socket: Socket): Socket {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  let isClosed = false;
  const guarded = (send: (done: Done) => void, done: Done) => {
    if (isClosed) return done();
    send((error) => {
      isClosed ||= Boolean(error);
      done();
    });
  };
  socket._write = (chunk, encoding, done) => guarded((settle) => write(chunk, encoding, settle), done);
  if (writev) socket._writev = (chunks, done) => guarded((settle) => writev(chunks, settle), done);
  return socket;
}
