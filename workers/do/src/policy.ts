import { DoError } from "../../../sdk/src/errors.ts";
import { SERVICES, type Limits, type ServiceName, type WhoAmI } from "../../../sdk/src/types.ts";
import type { Principal } from "./principal.ts";

export { allows } from "../../core-services/shared/scopes.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** What a principal may do, with its limits. Pure data. */
export interface Policy {
  readonly tier: string;
  /** Grants, `service:action[:resource-pattern]`. */
  readonly scopes: readonly string[];
  /** The services that code may be given. */
  readonly services: readonly ServiceName[];
  /** May submit code. */
  readonly mayExecute: boolean;
  /** Defaults of one execution. */
  readonly limits: Limits;
  /** The most that `timeoutMs` may ask for. */
  readonly wallMsMost: number;
  readonly concurrent: number;
  /** Null is no limit. */
  readonly perMinute: number | null;
}

const TIERS: ReadonlyMap<string, Omit<Policy, "tier">> = new Map([
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
    },
  ],
  [
    "tenant",
    {
      scopes: ["db:*", "queue:*", "schedule:*", "email:*", "webhooks:*", "gateway:*", "mcp:*"],
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
    },
  ],
  [
    "public",
    {
      scopes: ["db:*"],
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
    },
  ],
]);

/** The policy of a principal. Pure: the same principal, the same policy. A tier that is not there refuses. */
export function policy(principal: Principal): Policy {
  const tier = TIERS.get(principal.tier);
  if (!tier) {
    throw new DoError("PERMISSION_DENIED", `Cannot act: tier "${principal.tier}" is not defined`, { reason: "UNKNOWN_TIER" });
  }
  return { tier: principal.tier, ...tier };
}

/** What a caller may know of itself. */
export function whoAmI(principal: Principal, { scopes, services, limits, wallMsMost, concurrent, perMinute }: Policy): WhoAmI {
  return {
    principal: { ...principal },
    scopes: [...scopes],
    services: [...services],
    limits: { ...limits, wallMsMost, concurrent, perMinute },
  };
}
