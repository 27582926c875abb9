import { unpacked } from "../../../core-services/gateway/functions/packed.ts";
import { NO_EGRESS } from "../egress.ts";
import {
  CONSOLE_MODULE,
  FUNCTION_HARNESS_MODULE,
  GUARD_MODULE,
  HARNESS_MODULE,
  NETWORK_MODULE,
  RESPOND_MODULE,
  TYPED_INPUT_MODULE,
} from "./guest.generated.ts";
import type { Support } from "./guest/protocol.ts";
import type { Limits } from "../../../../sdk/src/types.ts";
import type { ValueTypes } from "../../../../sdk/src/values.ts";

/**
 * Before 2026-08-04, when Node's API came on by default: it makes a fresh isolate half as dear again, so it is given
 * to the programs that use it. Flags and date are ours, never the sender's.
 */
const COMPATIBILITY_DATE = "2026-08-01";
const USES_NODE = /\bnode:|\b(?:Buffer|process|global|setImmediate)\b/;

const LOG_BATCHES = 1_000;

export const MAIN_MODULE = "harness.js";
export const USER_MODULE = "user.js";

/** What of the harness the code can have a use for: each kilobyte of module costs a fresh isolate 0.035 ms. */
export function supportFor(userModule: string, inputTypes: ValueTypes, guard: boolean): Support {
  return {
    guard,
    console: /\bconsole\b/.test(userModule),
    respond: /\b(?:fetch|Response)\b/.test(userModule),
    network: /\bfetch\b/.test(userModule),
    types: Object.keys(inputTypes).length > 0,
  };
}

/** What the Worker Loader makes an isolate from. Pure; every member that could grant something is written out. */
export function workerCode(userModule: string, limits: Limits, support: Support): WorkerLoaderWorkerCode {
  return {
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: USES_NODE.test(userModule) ? ["nodejs_compat"] : [],
    allowExperimental: false,
    mainModule: MAIN_MODULE,
    modules: {
      [MAIN_MODULE]: HARNESS_MODULE,
      [USER_MODULE]: userModule,
      ...(support.guard ? { "guard.js": GUARD_MODULE } : {}),
      ...(support.console ? { "console.js": CONSOLE_MODULE } : {}),
      ...(support.respond ? { "respond.js": RESPOND_MODULE } : {}),
      ...(support.network ? { "network.js": NETWORK_MODULE } : {}),
      ...(support.types ? { "typed-input.js": TYPED_INPUT_MODULE } : {}),
    },
    env: {},
    globalOutbound: NO_EGRESS,
    // Enforced by Cloudflare; open-source workerd reads and drops it. Calls of services and batches of logs are
    // subrequests there; how many calls there may be is counted by the host.
    limits: { cpuMs: limits.cpuMs, subRequests: limits.calls + LOG_BATCHES },
  };
}

/** The same for a saved function, whose isolate is used again: nothing of a call is in it. */
export function functionWorkerCode(userModule: string, limits: Limits, guard: boolean): WorkerLoaderWorkerCode {
  const { code, wasm } = unpacked(userModule);
  return {
    compatibilityDate: COMPATIBILITY_DATE,
    // The harness tells by its asynchronous context whose turn it is.
    compatibilityFlags: USES_NODE.test(code) ? ["nodejs_compat"] : ["nodejs_als"],
    allowExperimental: false,
    mainModule: MAIN_MODULE,
    modules: {
      // Their names end in .wasm, as none of ours does.
      ...Object.fromEntries([...wasm].map(([path, { buffer }]) => [path, { wasm: buffer }])),
      [MAIN_MODULE]: FUNCTION_HARNESS_MODULE,
      [USER_MODULE]: code,
      ...(guard ? { "guard.js": GUARD_MODULE } : {}),
    },
    env: {},
    globalOutbound: NO_EGRESS,
    limits: { cpuMs: limits.cpuMs, subRequests: limits.calls + LOG_BATCHES },
  };
}
