/** Clients that keep a host busy with executions, and remember what each of them must find afterwards. */
import type { EncodedAnswer } from "../../sdk/src/types.ts";
import type { TestHost } from "./host.ts";

interface Problem {
  readonly code?: string;
  readonly retryAfterMs?: number;
}

/** What one request came to. */
export interface Heard {
  readonly kind: "pure" | "write" | "compile";
  readonly how: "ok" | "lost" | "unavailable" | "wrong";
  readonly said: string;
}

export class Load {
  readonly heard: Heard[] = [];
  /** Documents whose write was acknowledged. */
  readonly written: string[] = [];
  readonly #host: TestHost;
  readonly #running: Promise<void>;
  #isOver = false;
  #next = 0;
  readonly #listeners = new Set<() => void>();

  constructor(host: TestHost, clients: number) {
    this.#host = host;
    this.#running = Promise.all(Array.from({ length: clients }, () => this.#client())).then(() => undefined);
  }

  /** Settles when so many more were answered. */
  more(count: number): Promise<void> {
    const wanted = this.heard.length + count;
    return new Promise((resolve) => {
      const look = () => {
        if (this.heard.length < wanted) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
    });
  }

  /** Settles when every request that was sent is answered. @throws Error when one got no answer */
  stop(): Promise<void> {
    this.#isOver = true;
    return this.#running;
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      const n = this.#next++;
      this.heard.push(await this.#ask(n));
      for (const listener of this.#listeners) listener();
    }
  }

  async #ask(n: number): Promise<Heard> {
    const id = `d${n}`;
    if (n % 8 === 7) return this.#execute("compile", n, `namespace N { export const n = ${n} }\nexport default () => N.n`);
    if (n % 2 === 0) return this.#execute("pure", n, "await new Promise((r) => setTimeout(r, 5)); return input");
    const heard = await this.#execute("write", n, `await db.upsert("load", "${id}", { n: input }); return input`);
    if (heard.how === "ok") this.written.push(id);
    return heard;
  }

  async #execute(kind: Heard["kind"], n: number, code: string): Promise<Heard> {
    const response = await this.#host.execute({ code, input: n });
    const text = await response.text();
    const said = `${response.status} ${text}`;
    const answer = JSON.parse(text) as EncodedAnswer & Problem;
    if (response.status === 200 && answer.outcome === "ok") return { kind, how: answer.result === n ? "ok" : "wrong", said };
    if (response.status === 200 && answer.outcome === "lost") return { kind, how: "lost", said };
    if (response.status === 503 && answer.code === "UNAVAILABLE" && typeof answer.retryAfterMs === "number") {
      return { kind, how: "unavailable", said };
    }
    return { kind, how: "wrong", said };
  }
}

/** Every document of the load, with its version: 1, if it was written once. */
export async function writtenDocuments(host: TestHost): Promise<Map<string, number>> {
  const code = `const all = []; let cursor; do { const page = await db.list("load", { limit: 1000, ...(cursor ? { cursor } : {}) });
    all.push(...page.items.map((item) => [item.id, item.version])); cursor = page.cursor } while (cursor); return all`;
  const answer = (await (await host.execute({ code })).json()) as EncodedAnswer;
  return new Map(answer.result as [string, number][]);
}
