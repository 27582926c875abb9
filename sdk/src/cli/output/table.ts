import { printableLine } from "./printable.ts";
import { onStdout } from "./style.ts";

/** Rows in columns under their names. */
export function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printableLine));
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [onStdout.bold(line(names)), ...cells.map(line)].join("\n");
}
