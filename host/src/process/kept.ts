import type { Log } from "../log.ts";
import type { WorkerdProcess } from "./workerd.ts";

export interface KeptOptions {
  readonly name: string;
  readonly start: () => Promise<WorkerdProcess>;
  readonly log: Log;
  /** Each time that it has ended unasked or did not start. */
  readonly onCrash: (why: string) => void;
  /** Each time that it has ended, asked or not. */
  readonly onEnd: () => void;
}

const BACK_OFF_MS = 20;
const MOST_BACK_OFF_MS = 5_000;
const LOOK_EVERY_MS = 5_000;
/** Far above what a statement may take before whoever sent it has the store ended. */
const HUNG_MS = 60_000;
/** A process that has served for so long starts again without delay. */
const STEADY_MS = 10_000;

/** A process that is started again whenever it ends, with a growing delay while it keeps ending. */
export class Kept {
  readonly #options: KeptOptions;
  #process: WorkerdProcess | undefined;
  #serving = Promise.withResolvers<void>();
  #isStopping = false;
  /** The process that is being ended for another one. */
  #replaced: WorkerdProcess | undefined;
  #ends = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: KeptOptions) {
    this.#options = options;
    this.#serving.promise.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Settles when it serves, now or after its restart. */
  get serving(): Promise<void> {
    return this.#serving.promise;
  }

  /** Settles when it has answered, also when it has just ended and that is not known yet. */
  async answering(): Promise<void> {
    for (;;) {
      await this.serving;
      const asked = this.#process;
      if (!asked) continue;
      const isThere = await asked.ask("/health", HUNG_MS).then(
        () => true,
        () => false,
      );
      if (isThere) return;
      // Its end is seen when all that it wrote is read.
      await asked.ended;
    }
  }

  /** Starts it for the first time. @throws Error when that fails */
  async open(): Promise<void> {
    await this.#start();
  }

  /** Ends it for another one, which is no crash. Settles when that serves. */
  async restart(): Promise<void> {
    const old = this.#process;
    if (!old) return this.serving;
    this.#replaced = old;
    old.kill("SIGKILL");
    await old.ended;
    return this.serving;
  }

  /** Ends it for good. */
  async stop(signal: NodeJS.Signals, withinMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const last = this.#process;
    if (!last) return;
    last.kill(signal);
    const timer = setTimeout(() => last.kill("SIGKILL"), withinMs);
    await last.ended;
    clearTimeout(timer);
  }

  /** @throws Error when it answers else than 200 within `timeoutMs` */
  async ask(path: string, timeoutMs: number): Promise<void> {
    if (!this.#process) throw new Error("it is being started");
    await this.#process.ask(path, timeoutMs);
  }

  async #start(): Promise<void> {
    const { start, name, log, onCrash, onEnd } = this.#options;
    const process = await start();
    const startedMs = performance.now();
    this.#process = process;
    this.#serving.resolve();
    const watching = setInterval(() => void this.#look(process), LOOK_EVERY_MS).unref();
    void process.ended.then(({ code, signal }) => {
      clearInterval(watching);
      this.#process = undefined;
      this.#serving = Promise.withResolvers();
      onEnd();
      if (this.#isStopping) return;
      const how = signal ?? `exit code ${code}`;
      log("warn", "process-ended", { process: name, how });
      // A tenant can have it ended by statements as often as it likes: that is no fault of the process, and others wait for it.
      if (this.#replaced === process) return this.#startAgain(0);
      onCrash(`${name} ended: ${how}`);
      if (performance.now() - startedMs > STEADY_MS) this.#ends = 0;
      this.#backOff();
    });
  }

  /** A process that cannot answer for so long answers nobody. */
  async #look(process: WorkerdProcess): Promise<void> {
    try {
      await process.ask("/health", HUNG_MS);
    } catch (error) {
      if (this.#process !== process || this.#isStopping) return;
      this.#options.log("error", "process-hung", { process: this.#options.name, why: error instanceof Error ? error.message : "" });
      process.kill("SIGKILL");
    }
  }

  #backOff(): void {
    const delayMs = this.#ends === 0 ? 0 : Math.min(BACK_OFF_MS * 2 ** this.#ends, MOST_BACK_OFF_MS);
    this.#ends++;
    this.#startAgain(delayMs);
  }

  #startAgain(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#start().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#options.log("error", "process-did-not-start", { process: this.#options.name, why });
        this.#options.onCrash(`${this.#options.name} did not start: ${why}`);
        if (!this.#isStopping) this.#backOff();
      });
    }, delayMs);
  }
}
