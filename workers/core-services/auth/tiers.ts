import { SERVICES, type Limits, type ServiceName } from "../../../sdk/src/types.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A named level of what may be done, and how much of it. Pure data. */
export interface Tier {
  /** The most that any credential in this tier grants. */
  readonly scopes: readonly string[];
  /** The services that code may be given. */
  readonly services: readonly ServiceName[];
  /** May submit code. */
  readonly mayExecute: boolean;
  /** Defaults of one execution. */
  readonly limits: Limits;
  /** The most that `timeoutMs` may ask for. */
  readonly wallMsMost: number;
  /** Executions of one principal at a time. */
  readonly concurrent: number;
  /** Requests of one principal in a minute. Null is no limit. */
  readonly perMinute: number | null;
  /** The same two for all principals of a tenant together. Null is no limit. */
  readonly tenantConcurrent: number | null;
  readonly tenantPerMinute: number | null;
}

export type Tiers = ReadonlyMap<string, Tier>;

/** The tiers of a deployment that configures none. */
export const DEFAULT_TIERS: Tiers = new Map<string, Tier>([
  [
    "internal",
    {
      scopes: ["*"],
      services: SERVICES,
      mayExecute: true,
      limits: {
        wallMs: 30_000,
        cpuMs: 10_000,
        memoryMb: 512,
        calls: 10_000,
        codeBytes: MIB,
        inputBytes: 8 * MIB,
        resultBytes: 8 * MIB,
        logBytes: MIB,
      },
      wallMsMost: 120_000,
      concurrent: 100,
      perMinute: null,
      tenantConcurrent: null,
      tenantPerMinute: null,
    },
  ],
  [
    "tenant",
    {
      scopes: ["db:*", "queue:*", "schedule:*", "email:*", "webhooks:*", "gateway:*", "mcp:*", "executions:*", "auth:*"],
      services: ["db", "queue", "schedule", "email", "webhooks", "gateway", "mcp"],
      mayExecute: true,
      limits: {
        wallMs: 10_000,
        cpuMs: 1_000,
        memoryMb: 256,
        calls: 1_000,
        codeBytes: MIB,
        inputBytes: MIB,
        resultBytes: MIB,
        logBytes: 256 * KIB,
      },
      wallMsMost: 30_000,
      concurrent: 10,
      perMinute: 600,
      tenantConcurrent: 50,
      tenantPerMinute: 3_000,
    },
  ],
  [
    "public",
    {
      scopes: ["db:*", "executions:*", "auth:*:self/*", "auth:*:keys/*"],
      services: ["db"],
      mayExecute: true,
      limits: {
        wallMs: 5_000,
        cpuMs: 200,
        memoryMb: 128,
        calls: 100,
        codeBytes: 256 * KIB,
        inputBytes: 256 * KIB,
        resultBytes: 256 * KIB,
        logBytes: 64 * KIB,
      },
      wallMsMost: 10_000,
      concurrent: 2,
      perMinute: 60,
      // A tenant of this tier is one person: their keys together are what they are.
      tenantConcurrent: 2,
      tenantPerMinute: 60,
    },
  ],
  [
    "anonymous",
    {
      scopes: [],
      services: [],
      mayExecute: false,
      limits: { wallMs: 0, cpuMs: 0, memoryMb: 0, calls: 0, codeBytes: 0, inputBytes: 0, resultBytes: 0, logBytes: 0 },
      wallMsMost: 0,
      concurrent: 0,
      perMinute: 0,
      tenantConcurrent: 0,
      tenantPerMinute: 0,
    },
  ],
]);
