/** What queues should do, as plainly as it can be said: arrays, and JavaScript. */

export interface Settings {
  readonly type: "standard" | "fifo";
  maxRetries: number | null;
  retentionMs: number;
  readonly dedupMs: number;
  readonly deadLetterQueue: string | undefined;
}

interface Message {
  readonly id: string;
  /** Its place among all messages. */
  readonly seq: number;
  state: "delayed" | "leased" | "ready" | "dead";
  visibleMs: number;
  readonly priority: number;
  readonly group: string | undefined;
  attempts: number;
  receipt: string | undefined;
  leasedMs: number;
  keptMs: number;
  source: string | undefined;
}

interface Queue {
  readonly name: string;
  readonly settings: Settings;
  messages: Message[];
  paused: boolean;
  readonly keys: Map<string, { id: string; untilMs: number }>;
}

export interface Sending {
  readonly group: string | undefined;
  readonly dedup: string | undefined;
  readonly priority: number | undefined;
  readonly delayMs: number;
}

export type Looked = [id: string, state: string, attempts: number];

const MOST_LEASE_MS = 43_200_000;

export class QueueModel {
  readonly #queues = new Map<string, Queue>();
  #seq = 0;

  create(name: string, settings: Settings): void {
    this.#queues.set(name, { name, settings: { ...settings }, messages: [], paused: false, keys: new Map() });
  }

  update(name: string, settings: Partial<Pick<Settings, "maxRetries" | "retentionMs">>): void {
    Object.assign(this.#get(name).settings, settings);
  }

  /** The id of the message that it repeats; else it is there, under `id`. */
  send(name: string, { group, dedup, priority = 0, delayMs }: Sending, id: string, nowMs: number): string | undefined {
    const queue = this.#get(name);
    const known = dedup === undefined ? undefined : queue.keys.get(dedup);
    if (known && known.untilMs > nowMs) return known.id;
    if (dedup !== undefined) queue.keys.set(dedup, { id, untilMs: nowMs + queue.settings.dedupMs });
    queue.messages.push({
      id,
      seq: this.#seq++,
      state: delayMs > 0 ? "delayed" : "ready",
      visibleMs: nowMs + delayMs,
      priority,
      group,
      attempts: 0,
      receipt: undefined,
      leasedMs: 0,
      keptMs: nowMs,
      source: undefined,
    });
    return undefined;
  }

  /** Which come, and how often they have come. */
  receive(name: string, max: number, leaseMs: number, nowMs: number): { id: string; attempts: number }[] {
    const queue = this.#settled(name, nowMs);
    if (queue.paused) return [];
    const taken = queue.messages
      .filter((message) => message.state === "ready" && this.#isFirst(queue, message))
      .toSorted((a, b) => b.priority - a.priority || a.seq - b.seq)
      .slice(0, max);
    for (const message of taken) {
      Object.assign(message, { state: "leased", visibleMs: nowMs + leaseMs, attempts: message.attempts + 1, leasedMs: nowMs });
    }
    return taken.map(({ id, attempts }) => ({ id, attempts }));
  }

  gave(name: string, id: string, receipt: string): void {
    const message = this.#get(name).messages.find((one) => one.id === id);
    if (message) message.receipt = receipt;
  }

  ack(name: string, receipts: readonly string[], nowMs: number): number {
    const held = this.#held(name, receipts, nowMs);
    for (const message of held) this.#remove(this.#get(name), message);
    return held.length;
  }

  retry(name: string, receipts: readonly string[], delayMs: number, nowMs: number): number {
    const queue = this.#get(name);
    const held = this.#held(name, receipts, nowMs);
    for (const message of held) {
      if (this.#isTriedOut(queue, message)) this.#die(queue, message, nowMs);
      else Object.assign(message, { state: delayMs > 0 ? "delayed" : "ready", visibleMs: nowMs + delayMs, receipt: undefined });
    }
    return held.length;
  }

  extend(name: string, receipts: readonly string[], leaseMs: number, nowMs: number): number {
    const held = this.#held(name, receipts, nowMs).filter(
      ({ state, leasedMs }) => state === "leased" && nowMs + leaseMs <= leasedMs + MOST_LEASE_MS,
    );
    for (const message of held) message.visibleMs = nowMs + leaseMs;
    this.#settled(name, nowMs);
    return held.length;
  }

  giveBack(name: string, receipts: readonly string[], nowMs: number): void {
    for (const message of this.#held(name, receipts, nowMs)) {
      Object.assign(message, { state: "ready", attempts: message.attempts - 1, receipt: undefined });
    }
  }

  cancel(name: string, id: string, nowMs: number): "NOT_FOUND" | "CONFLICT" | "cancelled" {
    const queue = this.#settled(name, nowMs);
    const message = queue.messages.find((one) => one.id === id);
    if (!message) return "NOT_FOUND";
    if (message.state === "leased") return "CONFLICT";
    this.#remove(queue, message);
    return "cancelled";
  }

  purge(name: string): number {
    return this.#get(name).messages.splice(0).length;
  }

  pause(name: string, paused: boolean): void {
    this.#get(name).paused = paused;
  }

  letters(name: string, limit: number, nowMs: number): string[] {
    return this.#letters(name, limit, nowMs).map(({ message }) => message.id);
  }

  redrive(name: string, ids: readonly string[] | undefined, max: number, nowMs: number): number {
    const letters = this.#letters(name, ids ? Number.POSITIVE_INFINITY : max, nowMs).filter(
      ({ message }) => !ids || ids.includes(message.id),
    );
    const moving = letters.filter(({ message }) => message.state !== "leased").slice(0, max);
    for (const { queue, message } of moving) {
      this.#remove(queue, message);
      this.#add(this.#get(message.source ?? name), { ...message, source: undefined }, nowMs);
    }
    return moving.length;
  }

  look(name: string, nowMs: number): Looked[] {
    return this.#settled(name, nowMs).messages.map(({ id, state, attempts }) => [id, state === "leased" ? "inFlight" : state, attempts]);
  }

  #letters(name: string, limit: number, nowMs: number): { queue: Queue; message: Message }[] {
    const queue = this.#settled(name, nowMs);
    const grave = this.#grave(queue);
    if (grave) this.#settled(grave.name, nowMs);
    const own = queue.messages.filter(({ source }) => source !== undefined).map((message) => ({ queue, message }));
    const others = (grave?.messages ?? []).filter(({ source }) => source === name).map((message) => ({ queue: grave ?? queue, message }));
    return [...own, ...others].toSorted((a, b) => a.message.seq - b.message.seq).slice(0, limit);
  }

  /** Time acts when a queue is looked at. */
  #settled(name: string, nowMs: number): Queue {
    const queue = this.#get(name);
    for (const message of queue.messages) if (message.state === "delayed" && message.visibleMs <= nowMs) message.state = "ready";
    const ended = queue.messages.filter(({ state, visibleMs }) => state === "leased" && visibleMs <= nowMs);
    for (const message of ended) message.state = "ready";
    for (const message of ended) if (this.#isTriedOut(queue, message)) this.#die(queue, message, nowMs);
    queue.messages = queue.messages.filter(({ state, keptMs }) => state === "leased" || keptMs + queue.settings.retentionMs > nowMs);
    return queue;
  }

  #held(name: string, receipts: readonly string[], nowMs: number): Message[] {
    const queue = this.#settled(name, nowMs);
    return [...new Set(receipts)].flatMap((receipt) => queue.messages.find((one) => one.receipt === receipt && one.state !== "dead") ?? []);
  }

  #die(queue: Queue, message: Message, nowMs: number): void {
    const grave = this.#grave(queue);
    if (grave) {
      this.#remove(queue, message);
      this.#add(grave, { ...message, source: queue.name }, nowMs);
    } else {
      Object.assign(message, { state: "dead", receipt: undefined, keptMs: nowMs, source: queue.name });
    }
  }

  #add(queue: Queue, message: Message, nowMs: number): void {
    queue.messages.push({ ...message, state: "ready", visibleMs: nowMs, attempts: 0, receipt: undefined, keptMs: nowMs });
    queue.messages.sort((a, b) => a.seq - b.seq);
  }

  #remove(queue: Queue, message: Message): void {
    queue.messages = queue.messages.filter((one) => one !== message);
  }

  #isTriedOut({ settings }: Queue, { attempts }: Message): boolean {
    return settings.maxRetries !== null && attempts > settings.maxRetries;
  }

  #isFirst({ messages, settings }: Queue, { group, seq }: Message): boolean {
    if (settings.type !== "fifo") return true;
    const alive = messages.filter((one) => one.group === group && one.state !== "dead");
    return alive.every((one) => one.state !== "leased" && one.seq >= seq);
  }

  #grave({ settings }: Queue): Queue | undefined {
    return settings.deadLetterQueue === undefined ? undefined : this.#queues.get(settings.deadLetterQueue);
  }

  #get(name: string): Queue {
    const queue = this.#queues.get(name);
    if (!queue) throw new Error(`The model has no queue ${name}`);
    return queue;
  }
}
