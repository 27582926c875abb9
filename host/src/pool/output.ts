import type { GuestLog } from "./lease.ts";

/** More than any tier lets an execution log; what code writes beyond is its own loss. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * What an executor process writes, in workerd's structured form, which frames a message that may hold anything: the logs
 * of the run, which are there when the process is not, and the words that a run has begun and is over.
 */
export class Output {
  #logs: GuestLog[] = [];
  #characters = 0;
  readonly #onBegan: (lease: string) => void;
  readonly #onDone: (lease: string) => void;

  constructor(onBegan: (lease: string) => void, onDone: (lease: string) => void) {
    this.#onBegan = onBegan;
    this.#onDone = onDone;
  }

  take(line: string): void {
    const [, word = "", rest = ""] = /^(\w+) ([^]*)$/.exec(messageOf(line)) ?? [];
    if (word === "began") return this.#onBegan(rest);
    if (word === "done") return this.#onDone(rest);
    if (word === "" || this.#characters + rest.length > MAX_CHARACTERS) return;
    this.#characters += rest.length;
    this.#logs.push({ level: word, message: rest });
  }

  /** The logs since the last time. */
  drain(): readonly GuestLog[] {
    const logs = this.#logs;
    this.#logs = [];
    this.#characters = 0;
    return logs;
  }
}

function messageOf(line: string): string {
  try {
    const { message } = JSON.parse(line) as { message?: unknown };
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}
