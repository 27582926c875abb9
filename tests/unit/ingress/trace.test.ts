import { describe, expect, it } from "vitest";
import { traceOf } from "../../../host/src/ingress/trace.ts";

const random = (bytes: number) => Buffer.alloc(bytes, 0xab);
const NEW = { traceId: "ab".repeat(16), traceparent: `00-${"ab".repeat(16)}-${"ab".repeat(8)}-00`, tracestate: undefined };
const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const VALID = `00-${ID}-00f067aa0ba902b7-01`;

describe("traceOf", () => {
  it("a valid one goes on as it is, with its state", () => {
    expect(traceOf([VALID], ["a=1", "b=2"], random)).toEqual({ traceId: ID, traceparent: VALID, tracestate: "a=1,b=2" });
    expect(traceOf([VALID], [], random).tracestate).toBeUndefined();
  });

  it("a later version is read as far as version 00 goes", () => {
    expect(traceOf([`cc-${ID}-00f067aa0ba902b7-09-what-comes`], [], random).traceparent).toBe(VALID);
    expect(traceOf([`01-${ID}-00f067aa0ba902b7-00`], [], random).traceparent).toBe(`00-${ID}-00f067aa0ba902b7-00`);
  });

  it.each([
    [[]],
    [[VALID, VALID]],
    [[""]],
    [[VALID.toUpperCase()]],
    [[`${VALID}-x`]],
    [[`${VALID} `]],
    [[VALID.replace(/^00/, "ff")]],
    [[`00-${"0".repeat(32)}-00f067aa0ba902b7-01`]],
    [[`00-${ID}-${"0".repeat(16)}-01`]],
    [[`00-${ID}-00f067aa0ba902b7-1`]],
    [[`00-${ID}g-00f067aa0ba902b7-01`]],
    [[`cc-${ID}-00f067aa0ba902b7-01.x`]],
  ])("%j starts another, without the state", (traceparents) => {
    expect(traceOf(traceparents, ["a=1"], random)).toEqual(NEW);
  });

  it("a state of 512 characters goes on, one of 513 does not", () => {
    expect(traceOf([VALID], ["a".repeat(512)], random).tracestate).toHaveLength(512);
    expect(traceOf([VALID], ["a".repeat(513)], random).tracestate).toBeUndefined();
  });
});
