/** For input that JSON alone cannot carry. */
export { decodeValue } from "../../../../../sdk/src/values/decode.ts";
