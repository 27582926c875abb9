/**
 * A program that hands code to do: `DO_URL=... DO_KEY=... node examples/client.ts`
 */
import { connect, DoError } from "../sdk/src/index.ts";

const session = connect(process.env["DO_URL"] ?? "http://127.0.0.1:8787", process.env["DO_KEY"]);

const code = `
  for (const n of input) console.log(n, "squared is", n * n);
  return new Map(input.map((n) => [n, n * n]));
`;

try {
  // Logs as they happen, then the answer; `await` the execution instead when only the answer is wanted.
  for await (const event of session.execute({ code, input: [1, 2, 3] }, { signal: AbortSignal.timeout(10_000) })) {
    if (event.type === "log") console.error(event.entry.message);
    else console.log(event.answer.outcome, event.answer.result);
  }
} catch (error) {
  if (!(error instanceof DoError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
