import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { Engine } from "../../../workers/core-services/queue/engine/engine.ts";
import { QUEUE_LIMITS, type QueueLimits } from "../../../workers/core-services/queue/limits.ts";
import { queueService } from "../../../workers/core-services/queue/service.ts";
import { queuesOf } from "../../../workers/core-services/queue/tenant.ts";
import type { queueDefinition } from "../../../workers/core-services/queue/schema.ts";
import type { ServiceStub } from "../../../workers/do/src/service-stubs.ts";
import { newTenant } from "../support.ts";

/** A clock that a test moves, ahead of that of the alarms. */
export class Clock {
  ms = Date.now() + 86_400_000;
  readonly now = () => this.ms;
  pass(seconds: number): void {
    this.ms += seconds * 1_000;
  }
}

/** The clock of the alarms. */
export class RealClock extends Clock {
  override readonly now = Date.now;
}

/** queue itself as it is for a principal of a tenant, at times of the test's. */
export function queueOf(
  tenant = newTenant(),
  { id = "key-of-tests", clock = new Clock(), scopes = ["*"], source = undefined as string | undefined } = {},
) {
  const principal = { kind: "key", id, tenant, tier: "tenant" };
  const queue: ServiceStub<typeof queueDefinition> = queueService({
    queues: queuesOf(env, tenant),
    callerId: id,
    sponsor: () => ({ principal, source, scopes, isGuest: false }),
    sqsCredentials: () => Promise.reject(new Error("not here")),
    now: clock.now,
    // Who calls may leave the last arguments out; what implements a method gets them all.
  }) as never;
  return { queue, clock, tenant };
}

/** The engine by itself, in the storage of an object of its own, with smaller limits. */
export function withEngine<T>(
  limits: Partial<QueueLimits>,
  run: (engine: Engine, state: DurableObjectState) => T | Promise<T>,
): Promise<T> {
  return runInDurableObject(env.QUEUES.getByName(newTenant()), (_queues, state) => {
    return run(engineOn(state, limits), state);
  });
}

/** One more of them is one after a restart: it has the same storage. */
export function engineOn(state: DurableObjectState, limits: Partial<QueueLimits> = {}): Engine {
  return new Engine({ sql: state.storage.sql, limits: { ...QUEUE_LIMITS, ...limits }, note: () => {} });
}
