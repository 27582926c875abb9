import { Agent, request } from "node:http";

/** What the bench reads of an answer to POST /execute. */
interface Answer {
  success: boolean;
  result?: unknown;
  usage: { compileMs: number };
}

/** A server that hangs ends the bench. */
const TIMEOUT_MS = 30_000;

/** Sends POST requests over connections that stay open. do and the bare Worker are asked by the same code. */
export class Client {
  readonly #agent: Agent;
  readonly #port: number;
  readonly #headers: Record<string, string>;

  constructor(port: number, key: string, connections: number) {
    this.#port = port;
    this.#headers = { ...(key === "" ? {} : { authorization: `Bearer ${key}` }), "content-type": "application/json" };
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Runs code. @throws Error when it does not succeed: a failure is never a fast sample */
  async execute(code: string): Promise<Answer> {
    const text = await this.post("/execute", JSON.stringify({ code }));
    const answer = JSON.parse(text) as Answer;
    if (!answer.success) throw new Error(`The code failed: ${text}`);
    return answer;
  }

  /** @throws Error when the status is not 200 */
  post(path: string, body: string): Promise<string> {
    return this.#send("POST", path, body, 200);
  }

  /** @throws Error when the status is another */
  get(path: string, status: number): Promise<string> {
    return this.#send("GET", path, "", status);
  }

  #send(method: "GET" | "POST", path: string, body: string, status: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const headers = { ...this.#headers, ...(method === "POST" ? { "content-length": Buffer.byteLength(body) } : {}) };
    const sent = request({ host: "127.0.0.1", port: this.#port, path, method, agent: this.#agent, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => void (text += chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === status) resolve(text);
        else reject(new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`));
      });
    });
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error(`${method} ${path} did not answer in ${TIMEOUT_MS} ms`)));
    sent.on("error", reject);
    sent.end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}
