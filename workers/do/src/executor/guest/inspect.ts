/** A value as a line of a log: short, safe on anything, in the manner of Node's `util.inspect`. */

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;
const MAX_LINE = 80;

/** The arguments of a console call as one message; `%s %d %i %f %j %o %O %c` in the first are filled from the rest. */
export function format(args: readonly unknown[]): string {
  const rest = [...args];
  let text = "";
  if (typeof rest[0] === "string") {
    text = String(rest.shift()).replaceAll(/%[sdifjoOc%]/g, (directive) => {
      if (directive === "%%") return "%";
      if (rest.length === 0) return directive;
      return fill(directive, rest.shift());
    });
    if (rest.length > 0) text += " ";
  }
  return text + rest.map((value) => (typeof value === "string" ? value : inspect(value))).join(" ");
}

function fill(directive: string, value: unknown): string {
  switch (directive) {
    case "%s":
      return typeof value === "string" ? value : inspect(value);
    case "%d":
    case "%f":
      return String(typeof value === "symbol" ? Number.NaN : Number(value));
    case "%i":
      return String(typeof value === "symbol" ? Number.NaN : Math.trunc(Number(value)));
    case "%c":
      return "";
    default:
      return inspect(value);
  }
}

export function inspect(value: unknown): string {
  return show(value, 0, []);
}

function show(value: unknown, depth: number, above: readonly object[]): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return `[Function${value.name ? `: ${value.name}` : ""}]`;
    case "object":
      return value === null ? "null" : showSafely(value, depth, above);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

/** Getters, proxies and toString of the value are the guest's: they may throw. */
function showSafely(value: object, depth: number, above: readonly object[]): string {
  if (above.includes(value)) return "[Circular]";
  try {
    return showObject(value, depth, [...above, value]);
  } catch {
    return "[unreadable]";
  }
}

function showObject(value: object, depth: number, above: readonly object[]): string {
  if (value instanceof Error) return value.stack ?? `${value.name}: ${value.message}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  const name = value.constructor?.name ?? "[Object: null prototype]";
  if (depth > MAX_DEPTH) return Array.isArray(value) ? "[Array]" : `[${name}]`;
  const inner = (item: unknown) => show(item, depth + 1, above);
  if (Array.isArray(value)) return block("", "[", few(value, inner), "]", depth);
  if (value instanceof Map)
    return block(
      `Map(${value.size}) `,
      "{",
      few([...value], ([k, v]) => `${inner(k)} => ${inner(v)}`),
      "}",
      depth,
    );
  if (value instanceof Set) return block(`Set(${value.size}) `, "{", few([...value], inner), "}", depth);
  if (value instanceof Promise) return "Promise {}";
  if (ArrayBuffer.isView(value) && "length" in value)
    return block(`${name}(${String(value.length)}) `, "[", few(value as unknown as ArrayLike<unknown>, inner), "]", depth);
  const entries = Object.entries(value).map(
    ([key, item]) => `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)}: ${inner(item)}`,
  );
  return block(
    name === "Object" ? "" : `${name} `,
    "{",
    few(entries, (entry) => entry),
    "}",
    depth,
  );
}

function few<T>(items: ArrayLike<T>, text: (item: T) => string): string[] {
  const shown = Array.prototype.slice.call(items, 0, MAX_ITEMS).map((item: T) => text(item));
  if (items.length > MAX_ITEMS) shown.push(`... ${items.length - MAX_ITEMS} more items`);
  return shown;
}

function block(prefix: string, open: string, items: readonly string[], close: string, depth: number): string {
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = items.join(", ");
  if (line.length <= MAX_LINE && !line.includes("\n")) {
    return open === "[" ? `${prefix}[ ${line} ]` : `${prefix}{ ${line} }`;
  }
  const pad = "  ".repeat(depth + 1);
  return `${prefix}${open}\n${items.map((item) => pad + item).join(",\n")}\n${pad.slice(2)}${close}`;
}
