import type { BeginEntry, FinishEntry } from "../../workers/do/src/executions/schema.ts";
import { ROOT } from "../../workers/do/src/principal.ts";

/** The start of an execution, at a time of the test's. */
export function startedAt(id: string, startedMs: number): BeginEntry {
  return {
    id,
    parentId: undefined,
    cause: undefined,
    startedMs,
    deadlineMs: startedMs + 1,
    principal: ROOT,
    language: "ts",
    code: "return 1",
    codeHash: "c",
    input: "",
    inputTypes: {},
    requestHash: "r",
    once: undefined,
    cache: undefined,
  };
}

/** How one ended that did nothing. */
export const ENDED: Omit<FinishEntry, "id" | "endedMs" | "answer"> = {
  outcome: "ok",
  usage: { queueMs: 0, compileMs: 0, wallMs: 0, cpuMs: 0, calls: 0, logBytes: 0, resultBytes: 0 },
  logs: [],
  calls: [],
  error: undefined,
  truncated: [],
};
