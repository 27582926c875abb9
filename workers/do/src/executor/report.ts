import * as z from "zod";
import { GuestLogs } from "./envelope.ts";
import type { Report } from "./executor.ts";

/**
 * What an executor process answers. It runs the code of strangers: what it says has the shape of a report or is none,
 * and nothing in it is more than text and numbers.
 */
const Text = z.string();
const Milliseconds = z.number().min(0);
const ExecutionError = z.object({
  code: z.enum(["THREW", "COMPILE_ERROR"]),
  reason: Text.optional(),
  name: Text,
  message: Text,
  stack: Text.optional(),
  line: z.int().optional(),
  column: z.int().optional(),
});

const Reported = z.object({
  ending: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("answered"), resultText: Text, types: z.record(Text, Text), hasValue: z.boolean() }),
    z.object({ kind: z.literal("threw"), error: ExecutionError }),
    z.object({ kind: z.literal("compile-error"), error: ExecutionError }),
    z.object({ kind: z.literal("result-too-large"), resultBytes: z.int().min(0) }),
    z.object({ kind: z.literal("cpu-exceeded"), spentMs: Milliseconds, logs: GuestLogs, error: ExecutionError }),
  ]),
  hasRun: z.boolean(),
  compileMs: Milliseconds,
});

/** @throws z.ZodError when it is none */
export function parseReport(said: unknown): Report {
  return { ...Reported.parse(said), cpuMs: 0 } as Report;
}
