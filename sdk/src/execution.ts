import type { ExecutionAnswer, ExecutionEvent, LogEntry } from "./types.ts";

/**
 * One execution, as a promise of its answer and as the events on the way there:
 *
 *     const answer = await session.execute({ code });
 *     for await (const event of session.execute({ code })) if (event.type === "log") console.log(event.entry.message);
 *
 * It is sent when it is first awaited or iterated, and sent once however often it is consumed. Leaving the loop early
 * does not end the code; aborting `signal` does.
 */
export interface Execution extends Promise<ExecutionAnswer>, AsyncIterable<ExecutionEvent> {}

/** Sends the execution; with `onLog`, its logs are wanted as they happen. */
type Start = (onLog?: (entry: LogEntry) => void) => Promise<ExecutionAnswer>;

export class LazyExecution implements Execution {
  readonly [Symbol.toStringTag] = "Execution";
  readonly #start: Start;
  /** What has happened so far: an iteration may begin late, and more than once. */
  readonly #events: ExecutionEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #answer: Promise<ExecutionAnswer> | undefined;
  #isOver = false;

  constructor(start: Start) {
    this.#start = start;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being a promise is what it is for
  then<A = ExecutionAnswer, B = never>(
    onFulfilled?: ((answer: ExecutionAnswer) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#begin().then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<ExecutionAnswer | B> {
    return this.#begin().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<ExecutionAnswer> {
    return this.#begin().finally(onFinally);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecutionEvent, void, undefined> {
    const answer = this.#begin((entry) => this.#add({ type: "log", entry }));
    let seen = 0;
    for (;;) {
      for (const event of this.#events.slice(seen)) {
        seen++;
        yield event;
      }
      if (seen < this.#events.length) continue;
      if (this.#isOver) break;
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    }
    await answer;
  }

  #begin(onLog?: (entry: LogEntry) => void): Promise<ExecutionAnswer> {
    if (this.#answer) return this.#answer;
    this.#answer = this.#run(onLog);
    // An iteration that was left early has nobody to tell.
    this.#answer.catch(() => {});
    return this.#answer;
  }

  async #run(onLog: ((entry: LogEntry) => void) | undefined): Promise<ExecutionAnswer> {
    try {
      const answer = await this.#start(onLog);
      if (!onLog) for (const entry of answer.logs) this.#add({ type: "log", entry });
      this.#add({ type: "result", answer });
      return answer;
    } finally {
      this.#isOver = true;
      this.#wake();
    }
  }

  #add(event: ExecutionEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
