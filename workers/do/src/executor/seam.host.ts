import type { LiveUsage } from "../../../../sdk/src/types.ts";
import type { TenantDatabase } from "../../../core-services/db/tenant.ts";
import { Stores, type StoreStub } from "../stores/stores.ts";
import type { Executor } from "./executor.ts";
import { PooledExecutor, type CompilerStub, type ExecutorStub, type HomeStub } from "./pooled.ts";
import { Supervisor } from "./supervisor.ts";

/** The other side of `seam.ts`: on your own machine code runs in processes, which the supervisor gives out and ends. */

/** Bindings of the front, made by `host/src/config/`; one for each seat that a process may have. */
interface HostEnv {
  readonly SUPERVISOR: Fetcher;
  /** How many stores there are. */
  readonly DO_STORES: number;
  readonly [process: ProcessBinding]: Fetcher | undefined;
}

type ProcessBinding = `EXECUTOR_${number}` | `COMPILER_${number}` | `HOME_${number}` | `STORE_${number}`;

let executor: Executor | undefined;
let stores: Stores | undefined;

export function executorOf(env: Cloudflare.Env): Executor {
  return (executor ??= new PooledExecutor(supervisorOf(env), {
    executor: (seat) => bound(env, `EXECUTOR_${seat}`) as unknown as ExecutorStub,
    home: (seat) => bound(env, `HOME_${seat}`) as unknown as HomeStub,
    compiler: (seat) => bound(env, `COMPILER_${seat}`) as unknown as CompilerStub,
  }));
}

export function databaseOf(env: Cloudflare.Env, tenant: string): TenantDatabase {
  const stubs = () => Array.from({ length: hostEnv(env).DO_STORES }, (_, i) => bound(env, `STORE_${i}`) as unknown as StoreStub);
  return (stores ??= new Stores(stubs(), supervisorOf(env))).database(tenant);
}

export async function liveUsage(env: Cloudflare.Env, executionIds: readonly string[]): Promise<ReadonlyMap<string, LiveUsage>> {
  const usage = await supervisorOf(env).usage(executionIds);
  return new Map(usage.map(({ executionId, ...live }) => [executionId, live]));
}

/** @throws DoError UNAVAILABLE */
export function checkHost(env: Cloudflare.Env): Promise<void> {
  return supervisorOf(env).check();
}

function supervisorOf(env: Cloudflare.Env): Supervisor {
  return new Supervisor(hostEnv(env).SUPERVISOR);
}

function bound(env: Cloudflare.Env, name: ProcessBinding): Fetcher {
  const stub = hostEnv(env)[name];
  if (!stub) throw new Error(`There is no binding ${name}`);
  return stub;
}

function hostEnv(env: Cloudflare.Env): HostEnv {
  return env as unknown as HostEnv;
}
