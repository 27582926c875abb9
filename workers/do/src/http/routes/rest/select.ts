import type { Entity } from "../../../../../../sdk/src/db.ts";
import { segmentsOf, valueAt } from "../../../../../core-services/db/documents/path.ts";
import { OWN_COLUMNS, toField, unsupported } from "./filter.ts";

export type Row = Record<string, unknown>;
type Column = (entity: Entity) => Row;

/** `select=*,alias:address->>city`: how a document becomes a row. */
export function parseSelect(select: string | undefined): (entity: Entity) => Row {
  const columns = (select ?? "*").split(",").map((part) => columnOf(part.trim()));
  return (entity) => Object.assign({}, ...columns.map((column) => column(entity))) as Row;
}

function columnOf(part: string): Column {
  if (part === "*" || part === "") return ({ id, data }) => ({ id, ...data });
  if (/[()]/.test(part)) throw unsupported(`${part.slice(0, 64)}: no joins and no aggregates`);
  const [, alias, column = "", cast] = /^(?:([^:]+):(?!:))?([^:]+)(::\w+)?$/.exec(part) ?? [];
  if (column === "" || cast !== undefined) throw unsupported(`the column ${part.slice(0, 64)}`);
  const name = alias ?? column.split(/->>?/).at(-1)?.replaceAll('"', "") ?? column;
  const isText = /->>[^>]*$/.test(column);
  return (entity) => {
    const value = cell(entity, column);
    return { [name]: isText && value !== null ? (typeof value === "string" ? value : JSON.stringify(value)) : value };
  };
}

function cell({ id, version, createdAt, updatedAt, data }: Entity, column: string): unknown {
  const own: Record<string, unknown> = { id, _version: version, _created_at: createdAt, _updated_at: updatedAt };
  if (OWN_COLUMNS.has(column)) return own[column];
  return valueAt(data, segmentsOf(toField(column))) ?? null;
}

/** `order=age.desc.nullslast,name`. Null comes first in db's order, and last where it is reversed. */
export function parseOrder(order: string | undefined): string[] {
  if (order === undefined) return [];
  return order.split(",").map((part) => {
    const [column = "", ...words] = part.split(/\.(?=asc|desc|nulls)/);
    const isDescending = words.includes("desc");
    const nulls = words.find((word) => word.startsWith("nulls"));
    // Postgres has null last when it goes up; asked for in words, the other place cannot be had.
    if (nulls === (isDescending ? "nullsfirst" : "nullslast")) throw unsupported(`${nulls} of ${column.slice(0, 64)}`);
    return `${isDescending ? "-" : ""}${toField(column)}`;
  });
}
