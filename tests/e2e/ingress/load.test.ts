import { afterEach, expect, it } from "vitest";
import { testIngress, type TestIngress } from "../../support/ingress.ts";
import { goodClient, idleClients, slowClients } from "./load.ts";

let ingress: TestIngress;
afterEach(() => ingress.stop());

it("200 slow clients do not hold up a good one", async () => {
  ingress = await testIngress();
  const end = await slowClients(ingress.port, 200);
  const latency = await goodClient(ingress.port, 300);
  end();
  expect(latency.p99Ms).toBeLessThan(250);
});

it("1,000 idle connections leave /health below half a second, and are kept", async () => {
  ingress = await testIngress({ limits: { connections: 2_000 } });
  const end = await idleClients(ingress.port, 1_000);
  const latency = await goodClient(ingress.port, 50);
  expect(await end()).toBe("1000 still open");
  expect(latency.mostMs).toBeLessThan(500);
});
