/** The two ways out. Text for people ends its line; a program gets one JSON document. */

export function toStdout(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function toStderr(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** One JSON document. Control characters that JSON lets through are escaped: it may be shown on a terminal. */
export function jsonToStdout(value: unknown): void {
  const text = JSON.stringify(value, null, 2);
  toStdout(text.replaceAll(/[\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** Whoever reads may stop reading (`doer logs ID | head`), which is no failure. */
export function endQuietlyWhenNobodyReads(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}
