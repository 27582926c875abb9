/** Hostile programs against a real host, beside a tenant that does nothing wrong. */
import { Agent, request, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { once } from "node:events";
import type { EncodedAnswer } from "../../../sdk/src/types.ts";
import { testHost, type TestHost } from "../../support/host.ts";
import { shardOf } from "../../../workers/do/src/stores/shard.ts";
import { PROGRAMS, SQL_PROGRAMS, type HostileProgram } from "./programs.ts";

/** What a tenant that nobody knows gets, without limits on how often: those have tests of their own. */
const UNCOUNTED = { concurrent: 1_000, perMinute: null, tenantConcurrent: null, tenantPerMinute: null, wallMsMost: 30_000 };
const CONFIG = { tiers: { hostile: { extends: "public", ...UNCOUNTED }, good: { extends: "tenant", ...UNCOUNTED } } };

/** CPU time is what ends a program, however busy the machine is. */
const PATIENT_MS = 25_000;

/** Over its CPU limit, an execution may have used so much more when it is ended. */
export const CPU_SLACK_MS = 300;

export interface Tenants {
  readonly host: TestHost;
  /** `sql` is a hostile one that has a store of its own to hold. */
  readonly keys: { readonly hostile: string; readonly sql: string; readonly good: string };
}

const STORES = 4;

export async function startTenants(): Promise<Tenants> {
  const host = await testHost(CONFIG, { stores: STORES, executors: { min: 2, max: 6, reserve: 4 } });
  const [hostile, sql, good] = [nameOnShard("hostile", 0), nameOnShard("sql", 1), nameOnShard("good", 2)];
  const keys = {
    hostile: await newTenant(host, hostile, "hostile"),
    sql: await newTenant(host, sql, "hostile"),
    good: await newTenant(host, good, "good"),
  };
  return { host, keys };
}

/** A name of a tenant whose database is there. */
export function nameOnShard(beginning: string, shard: number): string {
  for (let i = 0; ; i++) if (shardOf(`${beginning}-${i}`, STORES) === shard) return `${beginning}-${i}`;
}

/** @returns a key of its owner */
export async function newTenant(host: TestHost, name: string, tier: string): Promise<string> {
  const response = await host.ask("/rpc/auth/createTenant", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ params: [name, { tier }] }),
  });
  const { result } = (await response.json()) as { result: { key: string } };
  return result.key;
}

/** Runs one program. @returns what is wrong with how it ended; nothing when it is right */
async function runHostile(host: TestHost, key: string, program: HostileProgram): Promise<string[]> {
  const { name, code, outcomes, timeoutMs, isSilent } = program;
  const response = await host.execute({ code, timeoutMs: timeoutMs ?? PATIENT_MS }, { authorization: `Bearer ${key}` });
  const answer = (await response.json()) as EncodedAnswer;
  if (response.status !== 200) return [`${name}: status ${response.status}, ${JSON.stringify(answer)}`];
  const { outcome, usage, logs, error } = answer;
  const wrong = [
    ...(outcomes.includes(outcome) ? [] : [`ended as ${outcome} (${error?.message}), not ${outcomes.join(" or ")}`]),
    ...(usage.cpuMs <= 200 + CPU_SLACK_MS ? [] : [`used ${usage.cpuMs} ms of CPU`]),
    ...(isSilent || logs[0]?.message === "before" ? [] : ["its first log is lost"]),
  ];
  return wrong.map((what) => `${name}: ${what}`);
}

/** All of them, so many at a time. */
async function runAll(host: TestHost, key: string, programs: readonly HostileProgram[], atATime: number): Promise<string[]> {
  const wrong: string[] = [];
  const rest = programs.values();
  const runner = async () => {
    for (const program of rest) wrong.push(...(await runHostile(host, key, program)));
  };
  await Promise.all(Array.from({ length: atATime }, runner));
  return wrong;
}

export interface Stream {
  readonly answered: number;
  readonly wrong: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

/** Two clients of the other tenant that ask again as soon as they are answered, until `isOver`. */
export async function streamOf({ host, keys }: Tenants, isOver: (answered: number) => boolean): Promise<Stream> {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const { hostname, port } = new URL(host.url);
  const times: number[] = [];
  const wrong: string[] = [];
  let next = 0;
  const client = async () => {
    while (!isOver(times.length)) {
      const n = next++;
      const startedMs = performance.now();
      const headers = { authorization: `Bearer ${keys.good}`, "content-type": "application/json" };
      const asked = request({ hostname, port, path: "/execute", method: "POST", agent, headers });
      asked.end(JSON.stringify({ code: "return input + 1", input: n }));
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      const answer = (await json(response)) as EncodedAnswer;
      times.push(performance.now() - startedMs);
      if (answer.result !== n + 1) wrong.push(`${response.statusCode} ${JSON.stringify(answer)}`);
    }
  };
  await Promise.all([client(), client()]);
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0) * 10) / 10;
  return { answered: times.length, wrong, p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1) };
}

/** The hostile programs, and what a good tenant sees of them. */
export async function attack(tenants: Tenants): Promise<{ wrong: string[]; under: Stream }> {
  const { host, keys } = tenants;
  let isDone = false;
  const attacking = Promise.all([runAll(host, keys.hostile, PROGRAMS, HOSTILE_AT_A_TIME), runAll(host, keys.sql, SQL_PROGRAMS, 1)]).finally(
    () => (isDone = true),
  );
  const [wrong, under] = await Promise.all([attacking, streamOf(tenants, () => isDone)]);
  return { wrong: wrong.flat(), under };
}

/** Half of the places that the test's host has. */
const HOSTILE_AT_A_TIME = 3;

export function say(what: string, { answered, p50Ms, p99Ms, mostMs }: Stream): string {
  return `${what}: ${answered} answers, p50 ${p50Ms} ms, p99 ${p99Ms} ms, most ${mostMs} ms`;
}
