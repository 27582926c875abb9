/** The table of docs/limits.md that says who holds an execution to its limits, made from where the numbers are. */
import { POOL_LIMITS } from "../host/src/pool/limits.ts";
import { accounting } from "../host/src/process/accounting.ts";
import type { Limits } from "../sdk/src/types.ts";
import { DEFAULT_TIERS } from "../workers/core-services/auth/tiers.ts";
import { GRACE_MS } from "../workers/do/src/executor/guest/protocol.ts";
import { SETTLE_MS } from "../workers/do/src/executor/settle.ts";

interface Row {
  readonly limits: readonly (keyof Limits)[];
  readonly reached: string;
  readonly pooled: string;
  readonly inProcess: string;
  readonly cloudflare: string;
}

const BY_THE_HOST = { pooled: "yes, by the host", inProcess: "yes, by the host", cloudflare: "yes, by the host" };

const ROWS: readonly Row[] = [
  { limits: ["codeBytes", "inputBytes"], reached: "`TOO_LARGE`, before anything runs", ...BY_THE_HOST },
  {
    limits: ["wallMs"],
    reached: "outcome `timeout`",
    pooled: `yes: after ${GRACE_MS} ms of grace and ${SETTLE_MS} ms more, a process that has not answered is ended`,
    inProcess: "for code that waits; a timer cannot fire while code holds the thread",
    cloudflare: "for code that waits; `cpuMs` ends the other",
  },
  {
    limits: ["cpuMs"],
    reached: "outcome `cpu-exceeded`",
    pooled: `yes: CPU time of the process's own thread, looked at every ${accounting.everyMs} ms on Linux; compiling counts`,
    inProcess: "loops and calls only, by the guard in the code: native code escapes",
    cloudflare: "by the runtime; which outcome the answer names is untested",
  },
  {
    limits: ["memoryMb"],
    reached: "outcome `memory-exceeded`",
    pooled: `yes: memory that the run has added, looked at every ${accounting.everyMs} ms; what is faster meets the bound of the kernel`,
    inProcess: "**no**: the process dies",
    cloudflare: "128 MB for each isolate, whatever the tier",
  },
  { limits: ["calls"], reached: "outcome `calls-exceeded`", ...BY_THE_HOST },
  { limits: ["resultBytes"], reached: "outcome `result-too-large`", ...BY_THE_HOST },
  { limits: ["logBytes"], reached: 'logs are cut, `truncated: ["logs"]`', ...BY_THE_HOST },
];

export function enforcementTable(): string {
  const tiers = ["internal", "tenant", "public"];
  const numberOf = (tier: string, name: keyof Limits) => DEFAULT_TIERS.get(tier)?.limits[name].toLocaleString("en-US") ?? "";
  const head = ["limit", ...tiers, "reached", "in processes", "in one process", "Cloudflare"];
  const rows = ROWS.map(({ limits, reached, pooled, inProcess, cloudflare }) => [
    limits.map((name) => `\`${name}\``).join(", "),
    ...tiers.map((tier) => limits.map((name) => numberOf(tier, name)).join(", ")),
    reached,
    pooled,
    inProcess,
    cloudflare,
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const wait = `An execution waits for a process at most ${POOL_LIMITS.waitMs.toLocaleString("en-US")} ms.`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), "", wait].join("\n");
}
