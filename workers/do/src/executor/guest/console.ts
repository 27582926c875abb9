import type { LogLevel } from "../../../../../sdk/src/types.ts";
import { format, inspect } from "./inspect.ts";
import { Logs } from "./logs.ts";
import type { GuestHost, GuestJob } from "./protocol.ts";

export interface GuestLog {
  level: LogLevel;
  message: string;
}

/** Takes over the console; what it is told goes to the host, unless nobody wants it. */
export function captureLogs(host: GuestHost, { limits, captureConsole: isWanted, mirrorLogs }: GuestJob): Logs {
  const logs = new Logs(host, limits.logBytes, mirrorLogs ? console.log.bind(console) : undefined);
  captureConsole(isWanted ? (log) => logs.add(log) : () => {});
  return logs;
}

/** Takes over every console method of the isolate. `write` gets each message at once, in order. */
export function captureConsole(write: (log: GuestLog) => void): void {
  const counts = new Map<string, number>();
  const starts = new Map<string, number>();
  let indent = "";
  const line = (level: LogLevel, message: string) => write({ level, message: indent + message.replaceAll("\n", `\n${indent}`) });
  const at =
    (level: LogLevel) =>
    (...args: unknown[]) =>
      line(level, format(args));
  const elapsed = (label: string) => `${label}: ${Date.now() - (starts.get(label) ?? Date.now())}ms`;
  const group = (...args: unknown[]) => {
    if (args.length > 0) line("log", format(args));
    indent += "  ";
  };
  const methods: Record<string, (...args: unknown[]) => void> = {
    debug: at("debug"),
    log: at("log"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    trace: (...args) => line("trace", `${format(args)}\n${(new Error("Trace").stack ?? "").split("\n").slice(2).join("\n")}`),
    dir: (value) => line("log", inspect(value)),
    dirxml: at("log"),
    table: (rows) => line("log", table(rows)),
    assert: (condition, ...args) => {
      if (!condition) line("error", args.length > 0 ? `Assertion failed: ${format(args)}` : "Assertion failed");
    },
    group,
    groupCollapsed: group,
    groupEnd: () => void (indent = indent.slice(2)),
    count: (label = "default") => {
      const name = String(label);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      line("log", `${name}: ${counts.get(name)}`);
    },
    countReset: (label = "default") => void counts.delete(String(label)),
    time: (label = "default") => void starts.set(String(label), Date.now()),
    timeLog: (label = "default", ...args) => line("log", [elapsed(String(label)), format(args)].join(" ").trim()),
    timeEnd: (label = "default") => {
      line("log", elapsed(String(label)));
      starts.delete(String(label));
    },
  };
  Object.assign(console, methods);
}

/** Rows of objects in columns; anything else as it is. */
function table(rows: unknown): string {
  if (typeof rows !== "object" || rows === null) return inspect(rows);
  const cells = Object.entries(rows).map(([index, row]: [string, unknown]) => ({
    "(index)": index,
    ...(typeof row === "object" && row !== null
      ? Object.fromEntries(Object.entries(row).map(([k, v]) => [k, inspect(v)]))
      : { Value: inspect(row) }),
  })) as Record<string, string>[];
  const columns = [...new Set(cells.flatMap((row) => Object.keys(row)))];
  const widths = columns.map((name) => Math.max(name.length, ...cells.map((row) => (row[name] ?? "").length)));
  const print = (texts: readonly string[]) =>
    texts
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [print(columns), ...cells.map((row) => print(columns.map((name) => row[name] ?? "")))].join("\n");
}
