/** Forty lines as people and models write them: an interface, generics, an enum, a class with parameter properties. */
export const PROGRAM = `
interface Line<Id extends string = string> {
  readonly id: Id;
  readonly amount: number;
  readonly tags?: readonly string[];
}

enum Status {
  Open = "open",
  Paid = "paid",
}

type Totals = Record<Status, number>;
const TAX = 0;

class Invoice<T extends Line> {
  status: Status = Status.Open;
  constructor(
    readonly number: number,
    private readonly lines: T[] = [],
  ) {}

  add(...lines: T[]): this {
    for (const line of lines) if (line.amount > 0) this.lines.push(line);
    return this;
  }

  get total(): number {
    return this.lines.reduce((sum: number, { amount }) => sum + amount * (1 + TAX), 0);
  }
}

function groupBy<T, K extends string>(items: readonly T[], keyOf: (item: T) => K): Partial<Record<K, T[]>> {
  const groups: Partial<Record<K, T[]>> = {};
  for (const item of items) (groups[keyOf(item)] ??= []).push(item);
  return groups;
}

const invoices = [1, 2, 3].map((n) => new Invoice<Line>(n).add({ id: "a", amount: n }, { id: "b", amount: n * 2, tags: ["x"] }));
invoices[0]!.status = Status.Paid;
const groups = groupBy(invoices, (invoice) => invoice.status as Status);
const sum = (list: Invoice<Line>[] = []) => list.reduce((total, invoice) => total + invoice.total, 0);
return { open: sum(groups.open), paid: sum(groups.paid) } satisfies Totals;
`.trimStart();
