/** What the host says of itself: a line of JSON each, or words on a terminal. */

export type Level = "debug" | "info" | "warn" | "error";

/** An event, with members that say what of. Never a secret, and of a request never its query or body. */
export type Log = (level: Level, event: string, members?: Readonly<Record<string, unknown>>) => void;

export function jsonLog(write: (line: string) => void, now: () => Date): Log {
  return (level, event, members = {}) => {
    // What untrusted processes write is theirs to choose, and not worth a disk.
    if (level !== "debug") write(JSON.stringify({ time: now().toISOString(), level, event, ...members }));
  };
}

export function humanLog(write: (line: string) => void): Log {
  return (level, event, members = {}) => {
    if (level === "debug") return;
    const said = Object.entries(members).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
    write([level === "info" ? "" : `${level}: `, event, " ", said.join(" ")].join("").trimEnd());
  };
}

export const SILENT: Log = () => {};
