/** One section of the report. The first column is text, the others are numbers or short words. */
export function printTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const print = (line: readonly string[]) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  console.log(`\n${title}\n${lines.map((line) => `  ${print(line).trimEnd()}`).join("\n")}`);
}

export function milliseconds(value: number): string {
  return value.toFixed(3);
}

export function ratio(value: number): string {
  return value.toFixed(2);
}

export function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
