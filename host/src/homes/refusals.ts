/** Why an object cannot be called now. */
import { Refusal } from "../pool/lease.ts";
import { HOME_LIMITS } from "./limits.ts";

export function allBusy(): Refusal {
  return new Refusal("UNAVAILABLE", "NO_HOME_FREE", "Cannot call an object now: every process for objects is busy", 1_000);
}

export function crowded(): Refusal {
  const message = `Cannot call another object now: ${HOME_LIMITS.objects} objects of this function were called in the last ${HOME_LIMITS.objectMs} ms`;
  return new Refusal("UNAVAILABLE", "TOO_MANY_OBJECTS_AT_A_TIME", message, 1_000);
}

export function full(mostStoredMb: number): Refusal {
  const message = `The objects of this function store more than ${mostStoredMb} MiB: delete some of them`;
  return new Refusal("LIMIT_EXCEEDED", "OBJECTS_STORE_TOO_MUCH", message, 60_000);
}

export function didNotStart(): Refusal {
  return new Refusal("UNAVAILABLE", "HOME_DID_NOT_START", "The process of the objects did not start", 1_000);
}

export function memoryTooLarge(memoryMb: number, most: number): Refusal {
  const message = `The tier's memoryMb is ${memoryMb}, and a process of objects may have ${most}: start with --memory`;
  return new Refusal("UNAVAILABLE", "MEMORY_LIMIT_TOO_LARGE", message, 60_000);
}
