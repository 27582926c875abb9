import type { RunFacts } from "./agenda/world.ts";

/**
 * Puts facts of a run where a value names them: `<run.id>`, `<run.task>`, `<run.scheduledFor>`, `<run.attempt>`,
 * `<run.trigger>` in any string of it. Code is not a value: nothing is ever put into code.
 */
export function fill<T>(value: T, run: RunFacts): T {
  return filled(value, run) as T;
}

function filled(value: unknown, run: RunFacts): unknown {
  if (typeof value === "string") return value.includes("<run.") ? fillText(value, run) : value;
  if (Array.isArray(value)) return value.map((item: unknown) => filled(item, run));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, run)]));
}

function fillText(text: string, { id, task, scheduledFor, attempt, trigger }: RunFacts): string {
  const facts = new Map([
    ["id", id],
    ["task", task],
    ["scheduledFor", scheduledFor],
    ["attempt", String(attempt)],
    ["trigger", trigger],
  ]);
  return text.replaceAll(/<run\.(\w+)>/g, (token, name: string) => facts.get(name) ?? token);
}
