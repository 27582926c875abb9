/** Takes the values of secrets out of what leaves a function. Shorter ones than this are in everything. */
const LEAST_CHARACTERS = 4;

/** What stands in place of a secret. */
const mark = (name: string) => `[secret ${name}]`;

/** Finds texts, each at its place the longest, and says what stands in place of them. */
class Finder {
  readonly #marks: ReadonlyMap<string, string>;
  readonly #pattern: RegExp;
  readonly longest: number;

  /** @param marks by the text that is looked for; at least one */
  constructor(marks: ReadonlyMap<string, string>) {
    const needles = [...marks.keys()].toSorted((a, b) => b.length - a.length);
    this.#marks = marks;
    this.#pattern = new RegExp(needles.map((needle) => RegExp.escape(needle)).join("|"), "g");
    this.longest = needles[0]?.length ?? 0;
  }

  replace(text: string): string {
    return text.replaceAll(this.#pattern, (found) => this.#marks.get(found) ?? "");
  }

  /** From where on the text must wait for what comes after it: it may be the beginning of what is looked for. */
  openFrom(text: string): number {
    let open = this.#openAfter(text, 0);
    for (const { index, 0: found } of text.matchAll(this.#pattern)) {
      if (index >= open) break;
      if (index + found.length > open) open = this.#openAfter(text, index + found.length);
    }
    return open;
  }

  #openAfter(text: string, from: number): number {
    for (let at = Math.max(from, text.length - this.longest + 1); at < text.length; at++) {
      const rest = text.slice(at);
      for (const needle of this.#marks.keys()) if (needle.length > rest.length && needle.startsWith(rest)) return at;
    }
    return text.length;
  }
}

export class Redactor {
  readonly #finder: Finder | undefined;
  readonly #bytes: Finder | undefined;

  constructor(secrets: Readonly<Record<string, string>>) {
    const needles = Object.entries(secrets).filter(([, value]) => value.length >= LEAST_CHARACTERS);
    if (needles.length === 0) return;
    this.#finder = new Finder(new Map(needles.map(([name, value]) => [value, mark(name)])));
    this.#bytes = new Finder(new Map(needles.map(([name, value]) => [latin1(encoder.encode(value)), mark(name)])));
  }

  get isIdle(): boolean {
    return this.#finder === undefined;
  }

  text(text: string): string {
    return this.#finder?.replace(text) ?? text;
  }

  /** Of JSON text, in its strings and names. */
  json(text: string): string {
    return this.isIdle ? text : JSON.stringify(this.#value(JSON.parse(text)));
  }

  /** Of bytes on their way. What may be the beginning of a secret waits for what comes after it. */
  stream(): TransformStream<Uint8Array, Uint8Array> {
    const finder = this.#bytes;
    let held = "";
    return new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const text = held + latin1(chunk);
        const open = finder?.openFrom(text) ?? text.length;
        held = text.slice(open);
        if (open > 0) controller.enqueue(fromLatin1(finder?.replace(text.slice(0, open)) ?? text.slice(0, open)));
      },
      flush(controller) {
        if (held !== "") controller.enqueue(fromLatin1(finder?.replace(held) ?? held));
      },
    });
  }

  #value(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#value(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [this.text(name), this.#value(member)]));
  }
}

const encoder = new TextEncoder();

/** One character for each byte, so that bytes can be looked for as text is. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return text;
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
