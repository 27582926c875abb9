import type { HeaderList } from "../executor/guest/function-protocol.ts";

/** What a function says of its answer before the body. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderList;
}

const MAX_HEADERS = 200;
const MAX_VALUE_CHARACTERS = 16_384;
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Of what comes from an isolate: it may be anything. By hand, for a schema takes a tenth of what a call takes. */
export function isResponseHead(sent: unknown): sent is ResponseHead {
  if (typeof sent !== "object" || sent === null) return false;
  const { status, headers } = sent as { status?: unknown; headers?: unknown };
  const isStatus = typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
  return isStatus && Array.isArray(headers) && headers.length <= MAX_HEADERS && headers.every(isHeader);
}

function isHeader(pair: unknown): boolean {
  if (!Array.isArray(pair) || pair.length !== 2) return false;
  const [name, value] = pair as unknown[];
  const areTexts = typeof name === "string" && typeof value === "string";
  return areTexts && NAME.test(name) && value.length <= MAX_VALUE_CHARACTERS && VALUE.test(value);
}
