import { DoError } from "../../../../sdk/src/errors.ts";
import { wireSize } from "../size.ts";
import { DB_LIMITS } from "../limits.ts";

/** One bound value or cell. Integers beyond 2^53 travel as bigint, never rounded. */
export type SqlValue = null | string | number | bigint | Uint8Array<ArrayBuffer>;

/** A parameter as SQLite takes it. @throws DoError INVALID_ARGUMENT for an integer that would be rounded, TOO_LARGE */
export function toBound(value: SqlValue): SqlStorageValue {
  if (typeof value === "bigint") {
    if (BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))) return Number(value);
    throw new DoError("INVALID_ARGUMENT", `Cannot run SQL: ${value} is beyond 2^53; bind it as text and CAST it`, {
      reason: "UNSAFE_INTEGER",
    });
  }
  if (isAmbiguous(value)) {
    throw new DoError("INVALID_ARGUMENT", `Cannot run SQL: ${value} is not a safe integer`, { reason: "UNSAFE_INTEGER" });
  }
  const bytes = typeof value === "string" ? value.length : value instanceof Uint8Array ? value.byteLength : 0;
  if (bytes > DB_LIMITS.rowBytes)
    throw new DoError("TOO_LARGE", `Cannot run SQL: a value may have at most ${DB_LIMITS.rowBytes} bytes, got ${bytes}`);
  if (typeof value === "string" && !value.isWellFormed()) {
    throw new DoError("INVALID_ARGUMENT", "Cannot run SQL: a parameter is no well-formed text", { reason: "BAD_CHARACTER" });
  }
  return value instanceof Uint8Array ? new Uint8Array(value).buffer : value;
}

/** A cell as callers get it. An integer that the runtime has rounded is an error, not a wrong number; it is answered, not thrown. */
export function toCell(name: string, cell: SqlStorageValue): SqlValue | DoError {
  if (isAmbiguous(cell)) {
    return new DoError(
      "INVALID_ARGUMENT",
      `Cannot read column "${name}": ${cell} is beyond 2^53 and was rounded; select CAST(... AS TEXT)`,
      { reason: "UNSAFE_INTEGER" },
    );
  }
  return cell instanceof ArrayBuffer ? new Uint8Array(cell) : cell;
}

/** An integer of SQLite's that no number can hold, or a real that looks like one: the runtime does not tell. Beyond 2^63 all are reals. */
function isAmbiguous(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 63;
}

/** The bytes of a row on its way. */
export function sizeOf(cells: readonly SqlStorageValue[]): number {
  return cells.reduce<number>(
    (sum, cell) => sum + (typeof cell === "string" ? wireSize(cell) : cell instanceof ArrayBuffer ? cell.byteLength : 8),
    0,
  );
}
