import { SERVICES } from "../../sdk/src/types.ts";
import { compile as compileCode, type CompileOptions } from "../../workers/do/src/executor/compile/compile.ts";
import { mean, median, quantile, timed } from "../measure.ts";
import { milliseconds, printTable } from "../print.ts";
import type { Server } from "../server.ts";
import { PROGRAM } from "./program.ts";

const SAMPLES = 200;
const WARM_UP = 100;

/** As the executor compiles for the internal tier. */
const OPTIONS: CompileOptions = { language: "ts", inScope: ["input", "env", "signal", ...SERVICES], guard: true };

/** From TypeScript to a module that can be loaded. The clock in workerd has milliseconds, so a mean is what it can say. */
export async function compile(server: Server): Promise<void> {
  const client = server.doClient(1);
  const compileMs = async (code: string) => (await client.execute(code)).usage.compileMs;
  const inNode = await samplesOf((n) => timed(() => compileCode(variant(n), OPTIONS, refuse)));
  const first = await samplesOf((n) => compileMs(variant(n)));
  const second = await samplesOf(() => compileMs(PROGRAM));
  const row = (name: string, ms: readonly number[], goal: string) => [name, milliseconds(mean(ms)), ...quantiles(ms), goal];
  const quantiles = (ms: readonly number[]) => (ms === inNode ? [milliseconds(median(ms)), milliseconds(quantile(ms, 0.95))] : ["", ""]);
  printTable(
    `compile: a program of ${PROGRAM.trimEnd().split("\n").length} lines of TypeScript, ${SAMPLES} samples each`,
    ["", "mean ms", "median ms", "p95 ms", "goal"],
    [
      row("first time, compile() alone in Node", inNode, "<= 1"),
      row("first time, usage.compileMs of the server", first, "<= 1"),
      row("second time, usage.compileMs of the server", second, "~ 0"),
    ],
  );
}

async function samplesOf(sample: (n: number) => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let n = -WARM_UP; n < SAMPLES; n++) {
    const ms = await sample(n);
    if (n >= 0) samples.push(ms);
  }
  return samples;
}

/** The same program as another text. */
function variant(n: number): string {
  return PROGRAM.replace("const TAX = 0", `const TAX = 0.${n + WARM_UP}`);
}

/** The program needs no more than the fast compiler; if that changes, these numbers are of something else. */
const refuse = () => Promise.reject(new Error("The program fell back to the full compiler"));
