/** What the process says when it ends. */
export const EXIT = {
  ok: 0,
  /** The code did not end `ok`. */
  codeFailed: 1,
  usage: 2,
  /** The server refused, failed or was not there. */
  server: 3,
} as const;

export type ExitCode = number;

/** The command line asks for something that cannot be: shown without a word about servers. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
