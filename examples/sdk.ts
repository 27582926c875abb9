/**
 * What a program does with do beside running code: look at what ran, cancel what runs, use the services, tell errors apart.
 *
 *     DO_URL=http://127.0.0.1:8787 DO_KEY=$(cat .do/root.key) node examples/sdk.ts
 */
import { connect, DoError } from "../sdk/src/index.ts";

const session = connect(process.env["DO_URL"] ?? "http://127.0.0.1:8787", process.env["DO_KEY"]);

const { principal } = await session.whoami();
console.log(`tenant ${principal.tenant}, tier ${principal.tier}`);

// The same database, from here and from the code that runs.
await session.db.upsert("colours", "sky", { name: "blue" });
const { result } = await session.execute({ code: `const { data } = await db.get("colours", input); return data.name`, input: "sky" });
console.log(`the sky is ${String(result)}`);

// Values keep their types.
const days = await session.execute({ code: "return { since: new Date(0), ids: new Set([1n]) }" });
console.log(days.result);

// Code that fails is an answer, with the place in the text that was sent.
const failed = await session.execute({ code: "const a = 1;\na.b.c" });
console.log(`${failed.outcome} at ${failed.error?.line}:${failed.error?.column}: ${failed.error?.message}`);

// What do refuses is an error.
try {
  await session.execute({ code: "return 1", timeoutMs: 10_000_000 });
} catch (error) {
  if (!(error instanceof DoError)) throw error;
  console.log(`${error.code} ${error.reason}`);
}

// Aborting cancels the execution on the server.
const stop = new AbortController();
for await (const event of session.execute({ code: `console.log("waiting"); await new Promise(() => {})` }, { signal: stop.signal })) {
  if (event.type === "log") stop.abort();
  else console.log(event.answer.outcome);
}

const { items } = await session.executions.list({ limit: 3 });
console.log(items.map((execution) => execution.outcome).join(", "));
