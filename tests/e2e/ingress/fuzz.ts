import { expect } from "vitest";
import type { IngressEvent } from "../../../host/src/ingress/log.ts";
import { bytes, send, type Exchanged } from "../../support/wire.ts";
import { mutated, seeded } from "./mutate.ts";
import { ADMITTED, CUT, REFUSED } from "./vectors.ts";

const SEED = Number(process.env["DO_FUZZ_SEED"] ?? 20_261_121);
const AT_ONCE = 100;
export const CANARY = "GET /canary HTTP/1.1\r\nHost: do.test\r\n\r\n";

/** Short, so that what waits for more bytes than come is over soon. */
export const FUZZ_LIMITS = { headersMs: 150, keepAliveMs: 150, bodyGraceMs: 100, lingerMs: 100, sweepMs: 20, connections: 2_000 };

export interface Fuzzed extends Exchanged {
  readonly sent: string;
}

/** Sends mutations of all vectors, with a canary behind each, and gives what came back. */
export async function fuzz(port: number, count: number): Promise<Fuzzed[]> {
  const random = seeded(SEED);
  const right = Array.from({ length: 8 }, () => ADMITTED).flat();
  // An answer to HEAD cannot be told from others without knowing the request.
  const texts = [...REFUSED, ...CUT, ...right].map(({ sent }) => sent).filter((sent) => sent.length < 1_000 && !sent.startsWith("HEAD"));
  const sent = Array.from({ length: count }, () => mutated(texts, random) + CANARY);
  const results: Fuzzed[] = [];
  const next = async (): Promise<void> => {
    for (let text = sent.pop(); text !== undefined; text = sent.pop()) results.push({ sent: text, ...(await send(port, bytes(text))) });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return results;
}

/** Whoever answers: each answer is whole, has an id of its own, is in the log once, and no 5xx is without a reason. */
export function checkAnswers(results: readonly Fuzzed[], log: readonly IngressEvent[]): void {
  const logged = new Map<string, number[]>();
  for (const event of log) {
    if ("status" in event) logged.set(event.requestId, [...(logged.get(event.requestId) ?? []), event.status]);
  }
  const ids = new Set<string>();
  for (const { answers, rest, sent } of results) {
    expect(rest, JSON.stringify(sent)).toBe("");
    for (const { status, headers, body } of answers.filter((answer) => answer.status !== 100)) {
      const id = headers.get("x-request-id") ?? "";
      expect(id, JSON.stringify(sent)).toMatch(/^req_[0-9A-HJKMNP-TV-Z]{26}$/);
      expect(ids.has(id)).toBe(false);
      ids.add(id);
      expect(logged.get(id), JSON.stringify(sent)).toEqual([status]);
      if (status >= 500) expect([501, 505], `${JSON.stringify(sent)} ${body}`).toContain(status);
    }
  }
}
