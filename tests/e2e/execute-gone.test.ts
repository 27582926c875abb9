import { expect, it } from "vitest";
import { testHost } from "../support/host.ts";

it(
  "an execution with a key whose caller leaves while it waits for a place runs, and answers who asks again",
  { timeout: 30_000 },
  async () => {
    const host = await testHost(undefined, { executors: { min: 1, max: 1, reserve: 0 } });
    try {
      const running = async () => ((await (await host.ask("/executions?state=running")).json()) as { items: unknown[] }).items.length;
      const first = host.execute({ code: "await new Promise((r) => setTimeout(r, 2_000)); return 1" });
      while ((await running()) < 1);
      const gone = new AbortController();
      const asked = host.ask("/execute", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ code: "return 7", idempotencyKey: "k" }),
        signal: gone.signal,
      });
      while ((await running()) < 2);
      gone.abort();
      await expect(asked).rejects.toThrow();
      expect((await first).status).toBe(200);
      while ((await running()) > 0);
      const again = await host.execute({ code: "return 7", idempotencyKey: "k" });
      expect(await again.json()).toMatchObject({ outcome: "ok", result: 7 });
    } finally {
      await host.stop();
    }
  },
);
