import * as z from "zod";
import { LOG_LEVELS } from "../../../../sdk/src/types.ts";
import type { Compiled } from "./compile/compile.ts";
import type { Ending } from "./executor.ts";
import { threw } from "./stack.ts";

/** The shapes of what an isolate says (guest/protocol.ts). It may say anything: what does not fit is an error of the code. */

const Text = z.string().max(16_384);
const GuestError = z.object({ name: Text, message: Text, stack: Text });
const Milliseconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const Head = z.union([
  z.object({ ok: z.literal(true), types: z.record(z.string(), z.string()), hasValue: z.boolean(), cpuMs: Milliseconds }),
  z.object({ ok: z.literal(false), error: GuestError, cpuMs: Milliseconds, isNotLoaded: z.boolean().optional() }),
  z.object({ ok: z.literal(false), resultBytes: z.int().min(0), cpuMs: Milliseconds }),
]);

export const GuestLogs = z.object({
  from: z.int().min(0),
  entries: z.array(z.object({ level: z.enum(LOG_LEVELS), message: z.string() })),
});
const CpuExceeded = z.object({ spentMs: Milliseconds, logs: GuestLogs, stack: z.string() });

/** The reason of an error that came when a function's module was evaluated: its isolate is of no use any more. */
export const NOT_LOADED = "NOT_LOADED";

export function parseEnvelope(envelope: unknown, compiled: Compiled): { ending: Ending; cpuMs: number } {
  if (typeof envelope !== "string") return forged(compiled);
  const lineEnd = envelope.indexOf("\n");
  const head = Head.safeParse(parseJson(lineEnd === -1 ? envelope : envelope.slice(0, lineEnd)));
  if (!head.success) return forged(compiled);
  const { cpuMs } = head.data;
  if (head.data.ok) {
    const { types, hasValue } = head.data;
    return { cpuMs, ending: { kind: "answered", resultText: lineEnd === -1 ? "" : envelope.slice(lineEnd + 1), types, hasValue } };
  }
  if ("error" in head.data) {
    const error = threw(head.data.error, compiled);
    return { cpuMs, ending: { kind: "threw", error: head.data.isNotLoaded ? { ...error, reason: NOT_LOADED } : error } };
  }
  return { cpuMs, ending: { kind: "result-too-large", resultBytes: head.data.resultBytes } };
}

export function parseCpuExceeded(text: string, compiled: Compiled): Ending {
  const said = CpuExceeded.safeParse(parseJson(text));
  if (!said.success) return forged(compiled).ending;
  const { spentMs, logs, stack } = said.data;
  return { kind: "cpu-exceeded", spentMs, logs, error: threw({ name: "Error", message: "CPU limit reached", stack }, compiled) };
}

function forged(compiled: Compiled): { ending: Ending; cpuMs: number } {
  const message = "The code answered in place of its harness";
  return {
    cpuMs: 0,
    ending: { kind: "threw", error: { ...threw({ name: "Error", message, stack: "" }, compiled), reason: "FORGED_ANSWER" } },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
