import { Validator } from "@cfworker/json-schema";
import { DoError } from "../../../../sdk/src/errors.ts";
import { COLLECTION_LIMITS } from "../limits.ts";
import type { Where } from "./filter.ts";

export interface Rule {
  where?: Where | undefined;
  kinds?: string[] | undefined;
  scopes?: string[] | undefined;
}

/** What a collection demands of its documents, and offers beside reading them by id. */
export interface Definition {
  schema?: Record<string, unknown> | undefined;
  indexes?: string[][] | undefined;
  unique?: string[][] | undefined;
  search?: { fields: string[]; tokenizer?: "unicode" | "porter" | "trigram" | undefined; fuzzy?: boolean | undefined } | undefined;
  ttlSeconds?: number | undefined;
  /** Absent: whoever has the scope. Present: whoever one of the rules lets; an empty list is nobody. */
  rules?: { read?: Rule[] | undefined; create?: Rule[] | undefined; update?: Rule[] | undefined; delete?: Rule[] | undefined } | undefined;
}

export type SchemaCheck = (data: Record<string, unknown>) => void;

/**
 * Left out on purpose: what makes a small schema or document cost without bound. `$ref` can double its work with each
 * definition, a regular expression can backtrack for ever, `uniqueItems` compares each item with each.
 */
const REFUSED_KEYWORDS = ["$ref", "$dynamicRef", "$recursiveRef", "pattern", "patternProperties", "uniqueItems"];
const FORMATS = ["date-time", "date", "time", "uuid", "ipv4"];

/** @throws DoError INVALID_ARGUMENT for a schema that cannot be used */
export function compileSchema(schema: Record<string, unknown> | undefined): SchemaCheck {
  if (schema === undefined) return () => {};
  const seen = { nodes: 0 };
  refuseUnbounded(schema, "schema", seen);
  const validator = new Validator(schema, "2020-12", true);
  const validate = (data: unknown) => {
    try {
      return validator.validate(data);
    } catch (error) {
      throw badSchema("schema", error instanceof Error ? error.message : "cannot be used");
    }
  };
  validate({});
  return (data) => {
    const most = Math.floor(COLLECTION_LIMITS.schemaChecks / seen.nodes);
    if (countValues(data) > most) {
      throw new DoError("TOO_LARGE", `Cannot write the document: with a schema of ${seen.nodes} parts it may hold at most ${most} values`);
    }
    const { valid, errors } = validate(data);
    if (valid) return;
    // The last error is the innermost.
    const error = errors.at(-1);
    throw new DoError(
      "UNPROCESSABLE",
      `Cannot write the document: data${error?.instanceLocation.slice(1) ?? ""}: ${error?.error ?? "does not fit"}`,
      {
        reason: "SCHEMA",
        details: { path: error?.instanceLocation.slice(1) ?? "", keyword: error?.keyword ?? "" },
      },
    );
  };
}

function refuseUnbounded(value: unknown, path: string, seen: { nodes: number }): void {
  if (typeof value !== "object" || value === null) return;
  seen.nodes++;
  if (seen.nodes > COLLECTION_LIMITS.schemaNodes) throw badSchema("schema", `may have at most ${COLLECTION_LIMITS.schemaNodes} parts`);
  for (const [key, part] of Object.entries(value)) {
    // Under `properties` a key is a name, not a keyword.
    const isName = /\.(?:properties|dependentSchemas|dependentRequired|\$defs)$/.test(path);
    if (!isName && REFUSED_KEYWORDS.includes(key)) throw badSchema(`${path}.${key}`, "is not supported: its cost has no bound");
    if (!isName && key === "format" && !FORMATS.includes(String(part)))
      throw badSchema(`${path}.format`, `must be one of ${FORMATS.join(", ")}`);
    if (!isName && ["const", "enum", "default", "examples"].includes(key)) continue;
    refuseUnbounded(part, `${path}.${key}`, seen);
  }
}

function countValues(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, item) => sum + countValues(item), 1);
}

function badSchema(path: string, problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot define the collection: ${path} ${problem}`, { reason: "BAD_SCHEMA" });
}
