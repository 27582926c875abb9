import type { Report } from "../executor/executor.ts";
import type { Redactor } from "./redact.ts";

/** What a process says of a call, without the values of the function's secrets. Pure. */
export function withoutSecrets(report: Report, redactor: Redactor): Report {
  const { ending } = report;
  if (redactor.isIdle) return report;
  switch (ending.kind) {
    case "answered":
      return { ...report, ending: { ...ending, resultText: ending.hasValue ? safeJson(ending.resultText, redactor) : "" } };
    case "threw":
    case "compile-error": {
      const { message, stack } = ending.error;
      const error = { ...ending.error, message: redactor.text(message), ...(stack === undefined ? {} : { stack: redactor.text(stack) }) };
      return { ...report, ending: { ...ending, error } };
    }
    case "killed":
      return { ...report, ending: { ...ending, logs: redactedLogs(ending.logs, redactor) } };
    case "cpu-exceeded":
      return { ...report, ending: { ...ending, logs: redactedLogs(ending.logs, redactor) } };
    default:
      return report;
  }
}

function redactedLogs<T extends { readonly entries: readonly { message: string }[] }>(logs: T, redactor: Redactor): T {
  return { ...logs, entries: logs.entries.map((entry) => ({ ...entry, message: redactor.text(String(entry.message)) })) };
}

/** What is no JSON is refused where results are checked. */
function safeJson(text: string, redactor: Redactor): string {
  try {
    return redactor.json(text);
  } catch {
    return "";
  }
}
