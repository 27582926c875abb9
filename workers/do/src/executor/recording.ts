import type { Admission, BeginEntry, FinishEntry, RunControl } from "../executions/schema.ts";
import type { Executions } from "../executions/executions.ts";

/** A run that is still going after this is worth a row that says so. */
const BEGIN_AFTER_MS = 20;

/**
 * Writes one execution into its tenant's store. Its start is written before anything that could be missed without it:
 * an effect, an id that a caller holds, an answer that a key may have. A short run without any is written whole, once,
 * and after its answer: a write waits for the disk, which is a tenth of such a run.
 */
export class Recording {
  readonly #store: DurableObjectStub<Executions>;
  readonly #entry: BeginEntry;
  readonly #control: RunControl & Rpc.RpcTargetBranded;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #begun: Promise<Admission> | undefined;

  constructor(store: DurableObjectStub<Executions>, entry: BeginEntry, control: RunControl & Rpc.RpcTargetBranded) {
    this.#store = store;
    this.#entry = entry;
    this.#control = control;
  }

  /** Once, however often it is asked. */
  begin(): Promise<Admission> {
    clearTimeout(this.#timer);
    return (this.#begun ??= this.#store.begin(this.#entry, this.#control));
  }

  /** When it turns out to take its time. */
  beginLater(onFailure: () => void): void {
    this.#timer = setTimeout(() => void this.begin().catch(onFailure), BEGIN_AFTER_MS);
  }

  /** What has begun did not run: as if it had not been asked for. */
  async withdraw(): Promise<void> {
    if (!this.#begun) return;
    await this.#begun;
    await this.#store.withdraw(this.#entry.id);
  }

  /** Whether its start is on record, or is being written. */
  get hasBegun(): boolean {
    return this.#begun !== undefined;
  }

  async finish(entry: FinishEntry): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#begun) return this.#store.record(this.#entry, entry);
    await this.#begun;
    return this.#store.finish(entry);
  }
}
