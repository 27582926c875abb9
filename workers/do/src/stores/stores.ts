import { waitUntil } from "cloudflare:workers";
import { DATABASE_CALLS, type RemoteCall } from "../../../core-services/db/calls.ts";
import type { TenantDatabase } from "../../../core-services/db/tenant.ts";
import { newId } from "../../../core-services/shared/ids.ts";
import { toDoError } from "../../../../sdk/src/errors.ts";
import { DoError } from "../errors.ts";
import type { Supervisor } from "../executor/supervisor.ts";
import { shardOf } from "./shard.ts";
import { Turn } from "./turn.ts";

/** Which of a tenant's databases. */
export type Part = keyof TenantDatabase;

/** A store process, as its binding has it (workers/processes/store.ts). */
export interface StoreStub {
  call(part: Part, tenant: string, method: string, args: readonly unknown[]): Promise<unknown>;
}

interface Shard {
  readonly index: number;
  readonly stub: StoreStub;
  readonly turn: Turn;
}

/** How often a call is sent whose answer was lost each time. */
const MAX_ATTEMPTS = 4;
/** How long a write is remembered that may be sent again. */
const REMEMBERED_MS = 5 * 60 * 1_000;
/** A store is not ended for a statement before this: a shorter time is over before a busy machine has answered. */
const LEAST_HELD_MS = 500;

/** The databases of all tenants, spread over processes that can be ended when a statement does not end. */
export class Stores {
  readonly #shards: readonly Shard[];
  readonly #supervisor: Supervisor;

  constructor(stubs: readonly StoreStub[], supervisor: Supervisor) {
    this.#shards = stubs.map((stub, index) => ({ index, stub, turn: new Turn() }));
    this.#supervisor = supervisor;
  }

  /** The same surface as the Durable Objects themselves. */
  database(tenant: string): TenantDatabase {
    const shard = this.#shards[shardOf(tenant, this.#shards.length)];
    if (!shard) throw new Error("There is no store");
    const part = (name: Part) => {
      const calls = Object.entries<RemoteCall>(DATABASE_CALLS[name]);
      return Object.fromEntries(
        calls.map(([method, call]) => [
          method,
          (...args: unknown[]) => this.#call(shard, tenant, call, args, (sent) => shard.stub.call(name, tenant, method, sent)),
        ]),
      );
    };
    return { documents: part("documents"), tables: part("tables") } as unknown as TenantDatabase;
  }

  #call(
    shard: Shard,
    tenant: string,
    { withOnce, timeoutMs }: RemoteCall,
    args: readonly unknown[],
    send: (args: readonly unknown[]) => Promise<unknown>,
  ): Promise<unknown> {
    // Made once, so that what is sent again is the same write.
    const sent = withOnce?.(args, { key: newId("sent", Date.now()), bodyHash: "", keepMs: REMEMBERED_MS }) ?? args;
    const untilHeard = (isWanted: () => boolean) => this.#sendUntilHeard(shard.index, () => send(sent), isWanted);
    if (!timeoutMs) return untilHeard(() => true);
    const done = shard.turn.take(tenant, () => this.#within(timeoutMs(args), shard.index, untilHeard));
    // Whoever asked may be gone before: without this its timer would go too, and the statement would hold the shard for ever.
    waitUntil(done.catch(() => undefined));
    return done;
  }

  /** A call whose process went away under another's statement is sent again. */
  async #sendUntilHeard(shard: number, send: () => Promise<unknown>, isWanted: () => boolean): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send();
      } catch (error) {
        if (toDoError(error) || !isLost(error) || !isWanted()) throw error;
        if (attempt === MAX_ATTEMPTS) {
          throw new DoError("UNAVAILABLE", "The database was lost before it could answer", { reason: "STORE_LOST", retryAfterMs: 1_000 });
        }
        await this.#supervisor.storeServing(shard);
      }
    }
  }

  /** Runs a statement that has its shard's turn: if the shard is held when its time is over, it is this that holds it. */
  async #within(timeoutMs: number, shard: number, send: (isWanted: () => boolean) => Promise<unknown>): Promise<unknown> {
    let isOver = false;
    const over = Promise.withResolvers<undefined>();
    const timer = setTimeout(
      () => {
        isOver = true;
        over.resolve(undefined);
      },
      Math.max(timeoutMs, LEAST_HELD_MS),
    );
    // Sent again it would hold the next process too.
    const sent = send(() => !isOver);
    sent.catch(() => undefined);
    const answer = await Promise.race([sent.then((value) => ({ value })), over.promise]).finally(() => clearTimeout(timer));
    if (answer && !isOver) return answer.value;
    await this.#supervisor.endStore(shard);
    throw new DoError("TIMEOUT", `Cannot run SQL: it was not done after timeoutMs ${timeoutMs}`, {
      reason: "STATEMENT_TIMEOUT",
      retryable: false,
    });
  }
}

/** What the runtime says of a connection that is gone, and of one that it could not make. */
function isLost(error: unknown): boolean {
  const message = error instanceof Error ? error.message : "";
  return /Network connection lost|disconnected|Connection refused|connect\(\)|internal error/i.test(message);
}
