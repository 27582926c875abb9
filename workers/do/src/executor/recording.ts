import type { Admission, BeginEntry, FinishEntry, RunControl } from "../executions/schema.ts";
import type { Executions } from "../executions/executions.ts";
import { recordLater, writeLater } from "../executions/unwritten.ts";

/** A run that is still going after this is worth a row that says so. */
const BEGIN_AFTER_MS = 20;

/**
 * Writes one execution into its tenant's store. Its start is written before anything that could be missed without it:
 * an effect, an id that a caller holds, an answer that a key may have. A short run without any is written whole, once,
 * and after its answer: a write waits for the disk, which is a tenth of such a run. What is written, with its hashes, is
 * made when it is.
 */
export class Recording {
  readonly #store: DurableObjectStub<Executions>;
  readonly #makeEntry: () => BeginEntry;
  readonly #makeControl: () => RunControl & Rpc.RpcTargetBranded;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #begun: Promise<Admission> | undefined;

  constructor(store: DurableObjectStub<Executions>, makeEntry: () => BeginEntry, makeControl: () => RunControl & Rpc.RpcTargetBranded) {
    this.#store = store;
    this.#makeEntry = makeEntry;
    this.#makeControl = makeControl;
  }

  /** Once, however often it is asked. */
  begin(): Promise<Admission> {
    clearTimeout(this.#timer);
    return (this.#begun ??= this.#store.begin(this.#makeEntry(), this.#makeControl()));
  }

  /** When it turns out to take its time. */
  beginLater(onFailure: () => void): void {
    this.#timer = setTimeout(() => void this.begin().catch(onFailure), BEGIN_AFTER_MS);
  }

  /** What has begun did not run: as if it had not been asked for. */
  async withdraw(id: string): Promise<void> {
    if (!this.#begun) return;
    await this.#begun;
    await this.#store.withdraw(id);
  }

  /** Whether its start is on record, or is being written. */
  get hasBegun(): boolean {
    return this.#begun !== undefined;
  }

  /** Settles when the end is on record. For what has begun. */
  async finish(entry: FinishEntry): Promise<void> {
    await this.begin();
    await this.#store.finish(entry);
  }

  /** Records the end after the answer, for what nobody could have missed. @param sentCharacters of code and input */
  finishLater(tenant: string, entry: FinishEntry, sentCharacters: number): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#begun) return writeLater(tenant, () => this.finish(entry));
    const characters = entry.logs.reduce((sum, { message }) => sum + message.length, sentCharacters);
    const make = () => ({ begin: this.#makeEntry(), finish: entry });
    return recordLater(tenant, { characters, make }, (records) => this.#store.record(records));
  }
}
