/** Whether to start at all. */
import type { Confinement } from "./process/confine.ts";

export interface Circumstances {
  readonly confinement: Confinement["name"];
  readonly isRoot: boolean;
  /** Whether only this machine can reach the port. */
  readonly isOnlyHere: boolean;
}

/** Why the operator must say that it is meant; undefined when nothing needs saying. Pure. */
export function danger({ confinement, isRoot, isOnlyHere }: Circumstances): string | undefined {
  if (confinement === "bubblewrap") return undefined;
  if (!isOnlyHere) {
    return "others can reach the port, and without bubblewrap code that escapes from V8 has a network and reads what its user may read: install bubblewrap, or say --unsafe";
  }
  return isRoot && confinement === "limits"
    ? "code would run as root, for it can be given neither a sandbox nor another user here: start as an ordinary user, or say --unsafe"
    : undefined;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
