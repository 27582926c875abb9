/** What waits, by tenant: first come, first served within one, and the tenants in turn. */
export class FairQueue<T> {
  readonly #byTenant = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  sizeOf(tenant: string): number {
    return this.#byTenant.get(tenant)?.length ?? 0;
  }

  push(tenant: string, item: T): void {
    const waiting = this.#byTenant.get(tenant);
    if (waiting) waiting.push(item);
    else this.#byTenant.set(tenant, [item]);
    this.#size++;
  }

  /** The first of the next tenant whose first may go; that tenant's turn is over then. */
  take(mayGo: (item: T) => boolean): T | undefined {
    for (const [tenant, waiting] of this.#byTenant) {
      const [first] = waiting;
      if (first === undefined || !mayGo(first)) continue;
      this.remove(tenant, first);
      const rest = this.#byTenant.get(tenant);
      if (rest && this.#byTenant.delete(tenant)) this.#byTenant.set(tenant, rest);
      return first;
    }
    return undefined;
  }

  /** @returns false when it had left already */
  remove(tenant: string, item: T): boolean {
    const waiting = this.#byTenant.get(tenant);
    const index = waiting?.indexOf(item) ?? -1;
    if (!waiting || index === -1) return false;
    waiting.splice(index, 1);
    this.#size--;
    if (waiting.length === 0) this.#byTenant.delete(tenant);
    return true;
  }
}
