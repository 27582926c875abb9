/** A piece of SQL with the values that it binds. Its text never holds a value that came from outside. */
export interface Fragment {
  readonly text: string;
  readonly params: readonly SqlStorageValue[];
}

export const ALWAYS: Fragment = { text: "1", params: [] };
export const NEVER: Fragment = { text: "0", params: [] };

export function fragment(text: string, ...params: SqlStorageValue[]): Fragment {
  return { text, params };
}

export function allOf(parts: readonly Fragment[]): Fragment {
  return joined(parts, " AND ", ALWAYS);
}

export function anyOf(parts: readonly Fragment[]): Fragment {
  return joined(parts, " OR ", NEVER);
}

/** True also where `part` is unknown (NULL): a document without the field is not what the field should be. */
export function noneOf(part: Fragment): Fragment {
  return { text: `(${part.text}) IS NOT TRUE`, params: part.params };
}

function joined(parts: readonly Fragment[], operator: string, empty: Fragment): Fragment {
  const [only] = parts;
  if (!only) return empty;
  if (parts.length === 1) return only;
  return { text: `(${parts.map(({ text }) => text).join(operator)})`, params: parts.flatMap(({ params }) => params) };
}
