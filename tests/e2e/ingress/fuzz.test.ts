import { expect, it } from "vitest";
import { testIngress } from "../../support/ingress.ts";
import { checkAnswers, fuzz, FUZZ_LIMITS } from "./fuzz.ts";

/** The whole ten thousand in tests/e2e/soak. */
const COUNT = Number(process.env["DO_FUZZ_COUNT"] ?? 1_500);

it(
  "mutated requests: one refusal at most, and last; the front sees what was answered, and nothing else",
  { timeout: 300_000 },
  async () => {
    const ingress = await testIngress({ limits: FUZZ_LIMITS });
    // Not a byte of a body, so that each answer is its head alone.
    ingress.front.answer = async (_request, response, seen) => {
      await seen();
      response.end();
    };
    ingress.front.upgrade = (_request, socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const results = await fuzz(ingress.port, COUNT);
    checkAnswers(results, ingress.log);

    const answered = new Set<string>();
    for (const { answers, isClosed, sent } of results) {
      const statuses = answers.map(({ status }) => status).filter((status) => status !== 100);
      expect(isClosed).toBe(true);
      expect(
        statuses.slice(0, -1).filter((status) => status !== 200),
        JSON.stringify(sent),
      ).toEqual([]);
      for (const { status, headers } of answers) if (status === 200) answered.add(headers.get("x-request-id") ?? "");
    }
    const seen = ingress.front.seen.map(({ method, url, headers }) => ({
      method,
      path: url.split("?")[0],
      id: new Map(headers).get("x-do-request-id"),
    }));
    expect(new Set(seen.map(({ id }) => id))).toEqual(answered);
    expect(seen).toHaveLength(answered.size);

    // The front has read each as the ingress had.
    const decided = new Map(ingress.log.flatMap((event) => (event.event === "request" ? [[event.requestId, event] as const] : [])));
    expect(seen.filter(({ id = "", method, path }) => decided.get(id)?.method !== method || decided.get(id)?.path !== path)).toEqual([]);

    // It is a mixture: of both, hundreds.
    const refused = results.filter(({ answers }) => answers.some(({ status }) => status >= 400)).length;
    expect(refused).toBeGreaterThan(COUNT / 2);
    expect(answered.size).toBeGreaterThan(COUNT / 20);
    console.log(`${results.length} mutated requests: ${refused} refused, ${answered.size} requests reached the front`);
    await ingress.stop();
  },
);
