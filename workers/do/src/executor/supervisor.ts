import * as z from "zod";
import { DoError } from "../errors.ts";
import type { Entry } from "./executor.ts";

/**
 * The supervisor of your own machine, as the front reaches it: over HTTP on a socket that only the two of them can open.
 * `host/src/control.ts` is the other side. What it answers is believed.
 */
export class Supervisor {
  readonly #service: Fetcher;

  constructor(service: Fetcher) {
    this.#service = service;
  }

  /**
   * Waits for a process that runs nothing else. The answer begins when there is one and ends when the run has ended: one
   * request for both, and a front that is gone holds nothing.
   * @throws DoError RATE_LIMITED, UNAVAILABLE
   */
  async lease(kind: "executor" | "compiler" | "home", entry: Entry): Promise<Lease> {
    const response = await this.#post("lease", { kind, ...entry });
    if (response.status !== 200) throw refusalOf(await response.json());
    const { headers } = response;
    return {
      id: headers.get("x-lease") ?? "",
      seat: Number(headers.get("x-seat")),
      isFirst: headers.get("x-first") === "true",
      queueMs: Number(headers.get("x-queue-ms")),
      verdict: async () => Verdict.parse(await response.json()),
    };
  }

  /** The run does not answer: its process is ended. */
  async end({ id }: Lease): Promise<void> {
    await this.#ask("end", { lease: id }, z.unknown());
  }

  /** There was no run. */
  async leave(lease: Lease): Promise<void> {
    await this.#ask("leave", { lease: lease.id }, z.unknown());
    await lease.verdict();
  }

  /** Deletes all that is kept in a home. */
  async removeHome(home: string): Promise<void> {
    await this.#ask("remove-home", { home }, z.unknown());
  }

  /** What the processes of these executions use now; those that run in none are left out. */
  usage(executionIds: readonly string[]): Promise<LiveUsage[]> {
    return this.#ask("usage", { executionIds }, z.array(LiveUsage));
  }

  /** The shard is held by a statement that is over its time: ends its process. Settles when another one serves. */
  async endStore(shard: number): Promise<void> {
    await this.#ask("end-store", { shard }, z.unknown());
  }

  /** Settles when the shard's process serves, now or after its restart. */
  async storeServing(shard: number): Promise<void> {
    await this.#ask("store-serving", { shard }, z.unknown());
  }

  /** @throws DoError UNAVAILABLE naming what keeps failing */
  async check(): Promise<void> {
    await this.#ask("check", {}, z.unknown());
  }

  async #ask<T>(what: string, body: object, shape: z.ZodType<T>): Promise<T> {
    const response = await this.#post(what, body);
    const answer: unknown = await response.json();
    if (response.status !== 200) throw refusalOf(answer);
    return shape.parse(answer);
  }

  async #post(what: string, body: object): Promise<Response> {
    try {
      return await this.#service.fetch(`http://supervisor/${what}`, { method: "POST", body: JSON.stringify(body) });
    } catch {
      throw new DoError("UNAVAILABLE", "The supervisor does not answer", { reason: "NO_SUPERVISOR", retryAfterMs: 1_000 });
    }
  }
}

export interface Lease {
  readonly id: string;
  /** Which of the executor bindings it is. */
  readonly seat: number;
  /** Whether its process has had no other. */
  readonly isFirst: boolean;
  readonly queueMs: number;
  /** Settles when the run has ended, or its process. */
  readonly verdict: () => Promise<Verdict>;
}

function refusalOf(answer: unknown): DoError {
  const { code, message, reason, retryAfterMs } = Refusal.parse(answer);
  return new DoError(code, message, { reason, retryAfterMs, retryable: code !== "LIMIT_EXCEEDED" });
}

const Verdict = z.object({
  /** How the process fared: it goes on, it was ended at a limit, by `release`, or it was lost to something else. */
  fate: z.enum(["kept", "cpu", "memory", "ended", "lost"]),
  cpuMs: z.number(),
  memoryMb: z.number(),
  /** All that the run logged, when its process did not go on. */
  logs: z.array(z.object({ level: z.string(), message: z.string() })),
  /** Of a call of an object: whether its process ever had it. */
  hasBegun: z.boolean().optional(),
});
export type Verdict = z.infer<typeof Verdict>;

const LiveUsage = z.object({ executionId: z.string(), executor: z.string(), wallMs: z.number(), cpuMs: z.number(), memoryMb: z.number() });
export type LiveUsage = z.infer<typeof LiveUsage>;

const Refusal = z.object({
  code: z.enum(["RATE_LIMITED", "UNAVAILABLE", "LIMIT_EXCEEDED"]),
  reason: z.string(),
  message: z.string(),
  retryAfterMs: z.number(),
});
