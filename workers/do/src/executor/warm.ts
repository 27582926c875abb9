/** What is known of an isolate that is kept for calls to come. */
export interface Warm<T> {
  readonly id: string;
  readonly value: T;
  readonly owner: string;
  /** Characters of its code. */
  readonly size: number;
  inUse: number;
  /** It is not to be used again, and ends with its last call. */
  isSpent: boolean;
}

export interface WarmOptions<T> {
  readonly most: number;
  readonly mostCharacters: number;
  /** Ends what nobody uses. */
  readonly retire: (warm: Warm<T>) => void;
}

/**
 * The isolates that are kept, bounded: open-source workerd never lets go of a named one by itself. The least recently
 * used leaves first, and none while a call is in it.
 */
export class WarmSet<T> {
  readonly #options: WarmOptions<T>;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Warm<T>>();
  #characters = 0;

  constructor(options: WarmOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Takes one for a call; `leave` must follow. */
  take(id: string): Warm<T> | undefined {
    const warm = this.#kept.get(id);
    if (!warm) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, warm);
    warm.inUse++;
    return warm;
  }

  /** Adds one that a call is about to use; `leave` must follow. */
  add(id: string, owner: string, size: number, value: T): Warm<T> {
    const warm: Warm<T> = { id, owner, size, value, inUse: 1, isSpent: false };
    this.#kept.set(id, warm);
    this.#characters += size;
    this.#shrink();
    return warm;
  }

  leave(warm: Warm<T>): void {
    warm.inUse--;
    if (warm.isSpent && warm.inUse === 0) this.#options.retire(warm);
    this.#shrink();
  }

  /** No further call is to use it: it has ended by itself, or nobody knows what it is. */
  spend(warm: Warm<T>): void {
    warm.isSpent = true;
    this.#forget(warm);
  }

  /** Ends those that are of others. */
  keepOnly(owner: string): void {
    for (const warm of this.#kept.values()) if (warm.owner !== owner && warm.inUse === 0) this.#end(warm);
  }

  #shrink(): void {
    for (const warm of this.#kept.values()) {
      if (this.#kept.size <= this.#options.most && this.#characters <= this.#options.mostCharacters) return;
      if (warm.inUse === 0) this.#end(warm);
    }
  }

  #end(warm: Warm<T>): void {
    this.#forget(warm);
    this.#options.retire(warm);
  }

  #forget(warm: Warm<T>): void {
    if (this.#kept.get(warm.id) !== warm) return;
    this.#kept.delete(warm.id);
    this.#characters -= warm.size;
  }
}
