import { describe, expect, it } from "vitest";
import { timesOf, mayCollapse } from "../../workers/core-services/gateway/cache/collapse.ts";
import { FLIGHT_LIMITS, Flights } from "../../workers/core-services/gateway/cache/flights.ts";

const UNTIL = 10_000;

function leads(flights: Flights, key: string, nowMs = 0, untilMs = UNTIL): number {
  const boarding = flights.board(key, untilMs, nowMs);
  if (boarding.kind !== "lead") throw new Error(`it is ${boarding.kind}`);
  return boarding.flight;
}

/** Whether it has settled by now. */
async function isLanded(landed: Promise<void>): Promise<boolean> {
  return Promise.race([landed.then(() => true), Promise.resolve().then(() => false)]);
}

describe("requests that are under way", () => {
  it("have one who leads; the others wait until it has landed, and the next one leads anew", async () => {
    const flights = new Flights();
    const id = leads(flights, "a");
    const boarding = flights.board("a", UNTIL, 1);
    if (boarding.kind !== "wait") throw new Error(boarding.kind);
    expect(await isLanded(boarding.landed)).toBe(false);
    expect(leads(flights, "b")).not.toBe(id);
    flights.land(id, "shared", 2);
    await boarding.landed;
    expect(leads(flights, "a", 3)).not.toBe(id);
  });

  it("are each one's own for a while after an answer that was, and not after a failure", () => {
    const flights = new Flights();
    flights.land(leads(flights, "a"), "for-one", 0);
    expect(flights.board("a", UNTIL, FLIGHT_LIMITS.unsharedMs - 1).kind).toBe("alone");
    expect(flights.board("a", UNTIL * 2, FLIGHT_LIMITS.unsharedMs).kind).toBe("lead");
    flights.land(leads(flights, "b"), "failed", 0);
    expect(flights.board("b", UNTIL, 0).kind).toBe("lead");
  });

  it("are led by another one when their time is over", async () => {
    const flights = new Flights();
    const lost = leads(flights, "a");
    const boarding = flights.board("a", UNTIL, UNTIL - 1);
    expect(boarding.kind).toBe("wait");
    const next = leads(flights, "a", UNTIL, UNTIL * 2);
    expect(boarding.kind === "wait" && (await isLanded(boarding.landed))).toBe(true);
    // That the lost one comes after all ends nothing of the other.
    flights.land(lost, "for-one", UNTIL + 1);
    expect([flights.board("a", UNTIL * 2, UNTIL + 1).kind, next === lost]).toEqual(["wait", false]);
  });

  it("are as many as the limit, and not one more", () => {
    const flights = new Flights();
    for (let i = 0; i < FLIGHT_LIMITS.flights; i++) leads(flights, `k${i}`);
    expect(flights.board("one more", UNTIL, 0).kind).toBe("alone");
    expect(flights.board("one more", UNTIL * 2, UNTIL).kind).toBe("lead");
    const crowded = new Flights();
    leads(crowded, "a");
    for (let i = 0; i < FLIGHT_LIMITS.waiting; i++) expect(crowded.board("a", UNTIL, 0).kind).toBe("wait");
    expect(crowded.board("a", UNTIL, 0).kind).toBe("alone");
    const unshared = new Flights();
    for (let i = 0; i <= FLIGHT_LIMITS.unshared; i++) unshared.isForOne(`k${i}`, 0);
    expect([unshared.board("k0", UNTIL, 1).kind, unshared.board("k1", UNTIL, 1).kind]).toEqual(["lead", "alone"]);
  });

  it("are waited for by nobody once what is kept has changed", async () => {
    const flights = new Flights();
    const before = leads(flights, "a");
    const boarding = flights.board("a", UNTIL, 0);
    flights.landAll();
    expect(boarding.kind === "wait" && (await isLanded(boarding.landed))).toBe(true);
    leads(flights, "a");
    flights.land(before, "for-one", 0);
    expect(flights.board("a", UNTIL, 0).kind).toBe("wait");
  });
});

describe("what may be given another's answer", () => {
  it("is a GET that does not ask for one of its own", () => {
    const may = (method: string, headers: Record<string, string>) => mayCollapse(method, new Headers(headers));
    expect([may("GET", {}), may("GET", { "cache-control": "max-stale=5" })]).toEqual([true, true]);
    for (const control of ["no-cache", "no-store", "max-age=0", "min-fresh=1"])
      expect(may("GET", { "cache-control": control })).toBe(false);
    expect([may("HEAD", {}), may("POST", {}), may("GET", { pragma: "no-cache" })]).toEqual([false, false, false]);
  });

  it("waits for five seconds, and for half of the time that it has", () => {
    expect([timesOf(120_000), timesOf(10_000), timesOf(1_000), timesOf(-1)]).toEqual([
      { withinMs: 120_000, waitMs: 5_000 },
      { withinMs: 10_000, waitMs: 5_000 },
      { withinMs: 1_000, waitMs: 500 },
      { withinMs: 0, waitMs: 0 },
    ]);
  });
});
