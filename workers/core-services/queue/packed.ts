/**
 * Rows between the service and its object by column: what is sent as objects costs the names of their members each time, and
 * most members are the same in all rows of a call.
 */
export interface Packed<T> {
  readonly length: number;
  /** Of all rows. */
  readonly common: Partial<T>;
  /** Of each row. */
  readonly own: { readonly [K in keyof T]?: readonly T[K][] };
}

/** Of rows that have the same members. Values are compared as they are: a column of objects is one of its own. */
export function pack<T extends object>(rows: readonly T[]): Packed<T> {
  const [first] = rows;
  const common: Partial<T> = {};
  const own: { [K in keyof T]?: T[K][] } = {};
  for (const name of Object.keys(first ?? {}) as (keyof T)[]) {
    if (first && rows.every((row) => row[name] === first[name])) common[name] = first[name];
    else own[name] = rows.map((row) => row[name]);
  }
  return { length: rows.length, common, own };
}

export function unpack<T extends object>({ length, common, own }: Packed<T>): T[] {
  const columns = Object.entries(own) as [keyof T, readonly T[keyof T][]][];
  // With all members from the start: one that is added to each row costs more than all the rest.
  const first = { ...common } as T;
  for (const [name, [value]] of columns) first[name] = value as T[keyof T];
  return Array.from({ length }, (_, i) => {
    const row = { ...first };
    for (const [name, values] of columns) row[name] = values[i] as T[keyof T];
    return row;
  });
}
