export interface PageOf<T> {
  items: T[];
  cursor?: string;
}

/** One page of rows, of which one more than the limit was read to see whether there are more. Pure. */
export function pageOf<R, T>(rows: readonly R[], limit: number, to: (row: R) => T, cursorOf: (row: R) => string): PageOf<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(to), ...(rows.length > limit && last ? { cursor: cursorOf(last) } : {}) };
}
