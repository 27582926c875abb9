/**
 * The one encoding of values that JSON cannot carry (docs/values.md). Plain JSON stays plain; what is not is written
 * as the nearest JSON, and a second table names its type by JSON Pointer (RFC 6901):
 *
 *     { at: new Date(0), ids: new Set([1n]) }
 *     value  {"at":"1970-01-01T00:00:00.000Z","ids":["1"]}
 *     types  {"/at":"Date","/ids":"Set","/ids/0":"bigint"}
 *
 * It runs in the guest (to encode a result), in the host (to check what came) and in the SDK (to decode it).
 */

export { decodeValue } from "./values/decode.ts";
export { encodeSettled, encodeValue } from "./values/encode.ts";
export { MAX_DEPTH, ValueError, type EncodedValue, type ValueTypes } from "./values/shared.ts";
