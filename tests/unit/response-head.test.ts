import { expect, it } from "vitest";
import { isResponseHead } from "../../workers/do/src/functions/response-head.ts";

const many = (count: number) => Array.from({ length: count }, (_, n) => [`x-${n}`, "1"]);
const head = (status: unknown, headers: unknown = []) => ({ status, headers });

it.each([
  head(200),
  head(599, [["x-a", ""]]),
  head(204, many(200)),
  head(200, [["x".repeat(256), "y".repeat(16_384)]]),
  head(200, [["x-a", "\t ~\u00ff"]]),
])("a head of an answer: %o", (sent) => expect(isResponseHead(sent)).toBe(true));

it.each([
  undefined,
  null,
  "200",
  head(199),
  head(600),
  head(200.5),
  head("200"),
  head(Number.NaN),
  head(200, {}),
  head(200, many(201)),
  head(200, [["x-a"]]),
  head(200, [["x-a", "1", "2"]]),
  head(200, [["", "1"]]),
  head(200, [["x a", "1"]]),
  head(200, [["x-a", 1]]),
  head(200, [["x-a", "1\r\nset-cookie: a=b"]]),
  head(200, [["x-a", "1\n"]]),
  head(200, [["x-a", "\u0100"]]),
  head(200, [["x".repeat(257), "1"]]),
  head(200, [["x-a", "y".repeat(16_385)]]),
])("is none: %o", (sent) => expect(isResponseHead(sent)).toBe(false));
