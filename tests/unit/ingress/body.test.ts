import { describe, expect, it } from "vitest";
import { BodyMeter } from "../../../host/src/ingress/body.ts";
import { connectionsFor } from "../../../host/src/ingress/descriptors.ts";
import { FrameBoundary } from "../../../host/src/ingress/frames.ts";
import { INGRESS_LIMITS } from "../../../host/src/ingress/limits.ts";

const LIMITS = { ...INGRESS_LIMITS, bodyBytes: 1_000, bodyMs: 60_000, bodyGraceMs: 1_000, bodyBytesPerSecond: 10 };

describe("BodyMeter", () => {
  it("at the limit passes, one byte over it is 413", () => {
    const meter = new BodyMeter(LIMITS, 0);
    expect(meter.add(1_000)).toBeUndefined();
    expect(meter.add(1)).toMatchObject({ status: 413, code: "TOO_LARGE" });
  });

  it("at the rate passes, one byte under it is 408", () => {
    const meter = new BodyMeter(LIMITS, 0);
    meter.add(99);
    expect(meter.check(1_000 + 9_900)).toBeUndefined();
    expect(meter.check(1_000 + 10_000)).toMatchObject({ status: 408, code: "TIMEOUT" });
    meter.add(1);
    expect(meter.check(1_000 + 10_000)).toBeUndefined();
  });

  it("has an end, however fast it comes", () => {
    const meter = new BodyMeter({ ...LIMITS, bodyBytesPerSecond: 0 }, 0);
    expect(meter.check(60_000)).toBeUndefined();
    expect(meter.check(60_001)).toMatchObject({ status: 408 });
  });

  it("does not count the time in which the front does not read", () => {
    const meter = new BodyMeter(LIMITS, 0);
    meter.pause(500);
    expect(meter.check(1_000_000)).toBeUndefined();
    meter.resume(1_000_000);
    expect(meter.check(1_000_500)).toBeUndefined();
    expect(meter.check(1_000_600)).toMatchObject({ status: 408 });
  });
});

describe("FrameBoundary", () => {
  const frame = (length: number, isMasked = false): Buffer => {
    const mask = isMasked ? 0x80 : 0;
    const header =
      length < 126
        ? [0x82, mask | length]
        : length < 65_536
          ? [0x82, mask | 126, length >> 8, length & 255]
          : [0x82, mask | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
    return Buffer.concat([Buffer.from(header), Buffer.alloc(isMasked ? 4 : 0), Buffer.alloc(length, 0x81)]);
  };
  const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 70_000];

  it.each(LENGTHS.flatMap((length) => [false, true].map((isMasked) => [length, isMasked] as const)))(
    "finds the end of a frame of %i bytes, masked: %s, in one piece and in many",
    (length, isMasked) => {
      const bytes = frame(length, isMasked);
      const whole = new FrameBoundary();
      expect(whole.follow(Buffer.concat([bytes, frame(3)]), true)).toBe(bytes.length);
      expect(whole.isHere).toBe(true);
      const pieces = new FrameBoundary();
      const ends = [...bytes].flatMap((byte, i) => {
        pieces.follow(Buffer.from([byte]));
        return pieces.isHere ? [i] : [];
      });
      expect(ends).toEqual([bytes.length - 1]);
    },
  );

  it("follows all there is unless it is told to stop", () => {
    const boundary = new FrameBoundary();
    const bytes = Buffer.concat([frame(3), frame(200), frame(1).subarray(0, 2)]);
    expect(boundary.follow(bytes)).toBe(bytes.length);
    expect(boundary.isHere).toBe(false);
  });
});

it("connections are as many as wanted, or three of four descriptors", () => {
  expect(connectionsFor(20_000, 65_536)).toBe(20_000);
  expect(connectionsFor(20_000, 20_000)).toBe(15_000);
  expect(connectionsFor(20_000, Number.POSITIVE_INFINITY)).toBe(20_000);
});
