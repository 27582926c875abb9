import { connect, type Socket } from "node:net";

export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Exchanged {
  readonly answers: readonly WireAnswer[];
  /** What came behind the last answer that could be read. */
  readonly rest: string;
  readonly isClosed: boolean;
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket.off("error", reject).on("error", () => {})));
  });
}

export interface SendOptions {
  /** Stop waiting when so many answers have come, although the connection is open. Without it, until it is closed. */
  readonly answers?: number;
  readonly isHead?: boolean;
}

/** Sends bytes as they are, and reads what comes back until the server closes. */
export async function send(port: number, sent: Buffer, { answers: wanted, isHead = false }: SendOptions = {}): Promise<Exchanged> {
  const socket = await open(port);
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const finish = (isClosed: boolean) => {
      socket.destroy();
      resolve({ ...answersIn(received, isHead), isClosed });
    };
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (wanted !== undefined && answersIn(received, isHead).answers.length >= wanted) finish(false);
    });
    socket.once("end", () => finish(true));
    socket.once("close", () => finish(true));
    socket.write(sent);
  });
}

/** Reads answers one behind the other, with Content-Length or in chunks. */
export function answersIn(received: Buffer, isHead = false): { answers: WireAnswer[]; rest: string } {
  const answers: WireAnswer[] = [];
  let rest = received.toString("latin1");
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    const [line = "", ...lines] = rest.slice(0, Math.max(end, 0)).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]);
    if (end === -1 || !status) return { answers, rest };
    const headers = new Map(lines.map((header) => [header.split(":")[0]?.toLowerCase() ?? "", header.replace(/^[^:]*: ?/, "")]));
    const after = rest.slice(end + 4);
    const body = isHead || status < 200 || status === 204 ? { body: "", after } : bodyIn(after, headers);
    if (!body) return { answers, rest };
    answers.push({ status, headers, body: body.body });
    rest = body.after;
  }
}

function bodyIn(text: string, headers: ReadonlyMap<string, string>): { body: string; after: string } | undefined {
  if (headers.get("transfer-encoding") === undefined) {
    const length = Number(headers.get("content-length") ?? 0);
    return text.length < length ? undefined : { body: text.slice(0, length), after: text.slice(length) };
  }
  let body = "";
  for (let rest = text; ;) {
    const size = Number.parseInt(rest, 16);
    const start = rest.indexOf("\r\n") + 2;
    if (Number.isNaN(size) || start === 1 || rest.length < start + size + 2) return undefined;
    body += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
    if (size === 0) return { body, after: rest };
  }
}
