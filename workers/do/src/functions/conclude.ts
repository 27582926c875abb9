import type { CapturedRequest, Limits } from "../../../../sdk/src/types.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { sha256 } from "../../../core-services/shared/hash.ts";
import type { BeginEntry } from "../executions/schema.ts";
import { writeLater } from "../executions/unwritten.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import type { Conclusion } from "../executor/outcome.ts";
import type { Recording } from "../executor/recording.ts";
import type { RunRecord } from "../executor/run.ts";
import type { Principal } from "../principal.ts";
import { endedError } from "./endings.ts";
import { Positions } from "./positions.ts";
import { Redactor } from "./redact.ts";
import type { FunctionEnd, FunctionRun } from "./run.ts";

const MOST_WAIT_MS = 60_000;

type Made = RunRecord & { readonly requests: readonly CapturedRequest[] };

/** Writes down how a call ended, for its record and for who watches. */
export async function conclude(deps: ExecuteDeps, call: FunctionRun, id: string, made: Made, recording: Recording): Promise<FunctionEnd> {
  const { live, tenant } = call;
  const { conclusion, file } = await located(deps, call, made.conclusion);
  const { conclusion: _, requests: captured, ...record } = made;
  const redactor = new Redactor(live.secrets);
  const requests = captured.length > 0 ? captured.map((one) => ({ ...one, url: redactor.text(one.url) })) : undefined;
  const error = conclusion.outcome === "ok" ? undefined : conclusion.error;
  const endedMs = deps.now();
  // The caller does not wait for the disk: what had an effect has been on record since before it.
  const ended = { id, endedMs, outcome: conclusion.outcome, ...record, requests, error, answer: undefined };
  deps.waitUntil(writeLater(tenant, () => recording.finish(ended)));
  if (live.isTailed) {
    const event = {
      executionId: id,
      version: live.version,
      call: call.label,
      outcome: conclusion.outcome,
      startedAt: new Date(endedMs - record.usage.wallMs).toISOString(),
      wallMs: record.usage.wallMs,
      logs: record.logs,
      ...(error ? { error: { name: error.name, message: error.message } } : {}),
    };
    deps.waitUntil(
      functionsOf(deps.env, tenant)
        .noteCall(live.name, event)
        .catch(() => undefined),
    );
  }
  return {
    executionId: id,
    conclusion,
    check: () => {
      if (conclusion.outcome === "ok") return conclusion;
      throw endedError({ name: live.name, version: live.version, executionId: id, conclusion, file });
    },
  };
}

/** Says where in the files that were sent an error is. */
async function located(
  deps: ExecuteDeps,
  { tenant, live }: FunctionRun,
  conclusion: Conclusion,
): Promise<{ conclusion: Conclusion; file: string | undefined }> {
  if (conclusion.outcome === "ok" || (conclusion.error.line === undefined && conclusion.error.stack === undefined)) {
    return { conclusion, file: undefined };
  }
  const map = await functionsOf(deps.env, tenant)
    .sourceMap(live.codeHash)
    .catch(() => undefined);
  if (map === undefined) return { conclusion, file: undefined };
  const { error, file } = new Positions(map).ofError(conclusion.error);
  return { conclusion: { ...conclusion, error }, file };
}

/** How a call stands in the record while it is on. */
export function beginEntry(
  id: string,
  { live, via, label }: FunctionRun,
  principal: Principal,
  parent: Parent | undefined,
  startedMs: number,
  limits: Limits,
): BeginEntry {
  const code = `// ${live.name} ${live.version}: ${label}`;
  return {
    id,
    parentId: parent?.id,
    cause: via.cause ?? `function:${live.name}`,
    startedMs,
    deadlineMs: startedMs + limits.wallMs + MOST_WAIT_MS,
    principal,
    language: "js",
    code,
    codeHash: sha256("function", code),
    input: "",
    inputTypes: {},
    requestHash: sha256(live.codeHash),
    once: undefined,
    cache: undefined,
  };
}
