/**
 * All of TypeScript: an enum and a namespace, which exist at run time. Sums up what comes as input; the result is a Map.
 *
 *     doer run examples/report.ts --input '[{"kind":"tea","cents":350},{"kind":"cake","cents":420},{"kind":"tea","cents":300}]'
 */
// @ts-nocheck -- this repository itself is held to the part of TypeScript that is erased

interface Sale {
  kind: string;
  cents: number;
}

enum Size {
  Small = "small",
  Large = "large",
}

namespace Money {
  export const format = (cents: number): string => `${(cents / 100).toFixed(2)} EUR`;
  export const sizeOf = (cents: number): Size => (cents < 500 ? Size.Small : Size.Large);
}

export default ({ input }: { input?: Sale[] }): Map<string, { total: string; size: Size }> => {
  const cents = new Map<string, number>();
  for (const sale of input ?? []) cents.set(sale.kind, (cents.get(sale.kind) ?? 0) + sale.cents);
  return new Map([...cents].map(([kind, sum]) => [kind, { total: Money.format(sum), size: Money.sizeOf(sum) }]));
};
