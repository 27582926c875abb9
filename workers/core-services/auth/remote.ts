/**
 * A Durable Object as its callers have it: each method by RPC. Written here, because the runtime's own types make of a
 * result that holds `unknown` (as JSON does) one that is never there.
 */
export type Remote<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? K : never]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};
