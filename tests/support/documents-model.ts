/** What db's documents should do, as plainly as it can be said: a Map, and JavaScript. */

type Data = Record<string, unknown>;
type Where = Record<string, unknown>;

interface Change {
  id: string;
  ifVersion?: number | undefined;
}
type Mutation = Change &
  ({ op: "insert"; data: Data } | { op: "upsert"; data: Data; merge: boolean } | { op: "patch"; patch: Data } | { op: "delete" });

export type Op =
  | { kind: "write"; mutation: Mutation }
  | { kind: "atomic"; checks: { id: string; version: number }[]; mutations: Mutation[] }
  | { kind: "get"; id: string }
  | { kind: "list"; where: Where; orderBy: string[]; limit: number }
  | { kind: "count"; where: Where }
  | { kind: "groups"; field: string; where: Where }
  | { kind: "deleteMany"; where: Where; limit: number }
  | { kind: "patchMany"; where: Where; patch: Data; limit: number };

interface Document {
  id: string;
  version: number;
  data: Data;
}

class Refused extends Error {}

export class Model {
  #all = new Map<string, Document>();

  run(op: Op): unknown {
    const before = new Map(this.#all);
    try {
      return this.#do(op);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#all = before;
      return error.message;
    }
  }

  documents(): [string, number, Data][] {
    return this.#sorted([]).map(({ id, version, data }) => [id, version, data]);
  }

  #do(op: Op): unknown {
    switch (op.kind) {
      case "write": {
        // A patch of one document takes no 0.
        const { mutation } = op;
        const written = this.#write(mutation.op === "patch" && mutation.ifVersion === 0 ? { ...mutation, ifVersion: undefined } : mutation);
        return op.mutation.op === "delete" ? written !== null : written;
      }
      case "atomic":
        for (const { id, version } of op.checks) if ((this.#all.get(id)?.version ?? 0) !== version) throw new Refused("CONFLICT");
        return op.mutations.map((mutation) => (mutation.op === "delete" ? (this.#write(mutation), null) : this.#write(mutation)));
      case "get": {
        const found = this.#all.get(op.id);
        return found ? [found.version, found.data] : null;
      }
      case "list": {
        const ids = this.#found(op.where, op.orderBy).map(({ id }) => id);
        const pages = Array.from({ length: Math.ceil(ids.length / op.limit) }, (_, n) => ids.slice(n * op.limit, (n + 1) * op.limit));
        return pages.length === 0 ? [[]] : pages;
      }
      case "count":
        return this.#found(op.where).length;
      case "groups": {
        const groups = new Map<string, number>();
        for (const document of this.#found(op.where)) {
          const key = JSON.stringify(valueAt(document, op.field) ?? null);
          groups.set(key, (groups.get(key) ?? 0) + 1);
        }
        return [...groups].toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
      }
      case "deleteMany": {
        const some = this.#found(op.where).slice(0, op.limit);
        for (const { id } of some) this.#all.delete(id);
        return some.length;
      }
      case "patchMany": {
        const some = this.#found(op.where).slice(0, op.limit);
        for (const { id } of some) this.#write({ op: "patch", id, patch: op.patch });
        return some.length;
      }
    }
  }

  #write(mutation: Mutation): unknown {
    const { id, ifVersion } = mutation;
    const before = this.#all.get(id);
    if (mutation.op === "delete") {
      if (!before) return null;
      if (ifVersion !== undefined && ifVersion !== before.version) throw new Refused("PRECONDITION_FAILED");
      this.#all.delete(id);
      return true;
    }
    if (mutation.op === "patch" && !before) throw new Refused("NOT_FOUND");
    if (ifVersion !== undefined && ifVersion !== (before?.version ?? 0)) throw new Refused("PRECONDITION_FAILED");
    if (mutation.op === "insert" && before) throw new Refused("CONFLICT");
    const data =
      mutation.op === "patch"
        ? merge(before?.data, mutation.patch)
        : mutation.op === "upsert" && mutation.merge
          ? merge(before?.data ?? {}, mutation.data)
          : mutation.data;
    const after = { id, version: (before?.version ?? 0) + 1, data: structuredClone(data) as Data };
    this.#all.set(id, after);
    return [after.version, after.data];
  }

  #found(where: Where, orderBy: string[] = []): Document[] {
    return this.#sorted(orderBy).filter((document) => matches(document, where));
  }

  #sorted(orderBy: string[]): Document[] {
    const keys = orderBy.map((name) => ({ name: name.replace("-", ""), sign: name.startsWith("-") ? -1 : 1 }));
    return [...this.#all.values()].toSorted((a, b) => {
      for (const { name, sign } of [...keys, { name: "$id", sign: 1 }]) {
        const order = compare(valueAt(a, name), valueAt(b, name));
        if (order !== 0) return order * sign;
      }
      return 0;
    });
  }
}

function valueAt({ id, version, data }: Document, path: string): unknown {
  if (path === "$id") return id;
  if (path === "$version") return version;
  let value: unknown = data;
  for (const [, key, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (typeof value !== "object" || value === null || Array.isArray(value) !== (index !== undefined)) return undefined;
    const name = key ?? index ?? "";
    value = Object.hasOwn(value, name) ? (value as Data)[name] : undefined;
  }
  return value;
}

/** Nothing, then numbers with booleans among them as 1 and 0, then text by its bytes; lists and objects are text. */
function compare(a: unknown, b: unknown): number {
  const [x, y] = [a, b].map((value) =>
    typeof value === "boolean" ? Number(value) : typeof value === "object" && value !== null ? JSON.stringify(value) : (value ?? null),
  );
  const rank = (value: unknown) => (value === null ? 0 : typeof value === "number" ? 1 : 2);
  if (rank(x) !== rank(y)) return rank(x) - rank(y);
  if (typeof x === "number" && typeof y === "number") return x - y;
  return x === null ? 0 : Buffer.compare(Buffer.from(x as string), Buffer.from(y as string));
}

function matches(document: Document, where: Where): boolean {
  return Object.entries(where).every(([name, wanted]) => {
    if (name === "$and") return (wanted as Where[]).every((clause) => matches(document, clause));
    if (name === "$or") return (wanted as Where[]).some((clause) => matches(document, clause));
    if (name === "$not") return !matches(document, wanted as Where);
    const value = valueAt(document, name);
    const operators = typeof wanted === "object" && wanted !== null ? Object.entries(wanted) : [["eq", wanted] as const];
    return operators.every(([operator, operand]) => holds(value, operator, operand));
  });
}

function holds(value: unknown, operator: string, operand: unknown): boolean {
  const isText = typeof value === "string" && typeof operand === "string";
  switch (operator) {
    case "eq":
      return operand === null ? value === undefined || value === null : value === operand;
    case "ne":
      return !holds(value, "eq", operand);
    case "in":
      return (operand as unknown[]).some((one) => holds(value, "eq", one));
    case "nin":
      return !holds(value, "in", operand);
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      if (typeof value !== typeof operand || (typeof value !== "number" && typeof value !== "string")) return false;
      const order = compare(value, operand);
      return operator.startsWith("gt")
        ? order > 0 || (order === 0 && operator === "gte")
        : order < 0 || (order === 0 && operator === "lte");
    }
    case "exists":
      return (value !== undefined) === operand;
    case "has":
      return Array.isArray(value) && value.some((item) => item === operand);
    case "contains":
      return isText && value.includes(operand);
    case "startsWith":
      return isText && value.startsWith(operand);
    case "endsWith":
      return isText && value.endsWith(operand);
    case "like":
      return isText && likeExpression(operand).test(value);
    default:
      throw new Error(`The model has no operator ${operator}`);
  }
}

function likeExpression(like: string): RegExp {
  const parts = [...like.matchAll(/\\(.)|[\s\S]/gu)].map(([all, escaped]) => {
    if (escaped === undefined && all === "%") return "[^]*";
    if (escaped === undefined && all === "_") return "[^]";
    return RegExp.escape(escaped ?? all);
  });
  return new RegExp(`^${parts.join("")}$`, "u");
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Data = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = merge(merged[name], value);
  }
  return merged;
}
