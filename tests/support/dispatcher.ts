/** Five customers behind one door, of which one is well: a short loop in the suite, a long one in test:soak. */
import { connect } from "../../sdk/src/index.ts";
import { each, type Amount } from "./functions.ts";
import type { TestHost } from "./host.ts";

/** As people write it for Workers for Platforms: whatever a customer's worker does, its caller gets JSON. */
const DISPATCHER = `
interface Env { DISPATCHER: { get(name: string, args?: object, options?: { limits?: { cpuMs?: number; subRequests?: number } }): { fetch(request: Request): Promise<Response> } } }

function fallbackResponse(worker: string, reason: string, status: number): Response {
  return Response.json({ success: false, fallback: true, worker, reason }, { status, headers: { "x-dispatcher-fallback": reason, "x-dispatched-to": worker } });
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    const [, , worker = "", ...rest] = url.pathname.split("/");
    try {
      const target = env.DISPATCHER.get(worker, {}, { limits: { cpuMs: 25 } });
      const response = await target.fetch(new Request(new URL("/" + rest.join("/"), url.origin), { method: request.method, headers: request.headers, body: request.body }));
      if (!(response.headers.get("content-type") ?? "").includes("application/json")) return fallbackResponse(worker, "not-json", 502);
      const headers = new Headers(response.headers);
      headers.set("x-dispatched-to", worker);
      return new Response(response.body, { status: response.status, headers });
    } catch (error) {
      const { message } = error as Error;
      if (message.startsWith("Worker not found")) return fallbackResponse(worker, "not-found", 404);
      return fallbackResponse(worker, message.includes("CPU") ? "cpu" : "threw", 502);
    }
  },
};`;

const CUSTOMERS = {
  well: `export default { fetch: (request) => Response.json({ success: true, worker: "well", path: new URL(request.url).pathname }) }`,
  throws: `export default { fetch() { throw new Error("a bad day") } }`,
  loops: `export default { fetch() { for (;;); } }`,
  page: `export default { fetch: () => new Response("<!doctype html><h1>It works</h1>", { headers: { "content-type": "text/html" } }) }`,
} as const;
export const ALL = [...Object.keys(CUSTOMERS), "missing"] as readonly string[];

/** What each of the ill ones is said to have done, by the dispatcher and by the gateway. */
export const MARKS: Readonly<Record<string, readonly string[]>> = {
  throws: ["threw", "FUNCTION_THREW", "CIRCUIT_OPEN"],
  loops: ["cpu", "FUNCTION_CPU_LIMIT", "CIRCUIT_OPEN"],
  page: ["not-json", "NOT_JSON", "CIRCUIT_OPEN"],
  missing: ["not-found", "NO_SUCH_FUNCTION", "CIRCUIT_OPEN"],
};

/** The ways to the customers: a dispatcher that is a function, and a route by customer. */
export const DOORS = {
  dispatcher: (worker: string) => ({ path: `/r/root/api/${worker}/analyze`, headers: {} }),
  route: (worker: string) => ({ path: "/r/root/by-customer/analyze", headers: { "x-customer-id": worker } }),
} as const;
export type Door = keyof typeof DOORS;

export async function openDoors(host: TestHost): Promise<void> {
  const { gateway } = connect(host.url, host.rootKey);
  await gateway.createNamespace("workers");
  for (const [name, code] of Object.entries(CUSTOMERS)) await gateway.deploy(`workers/${name}`, { code, limits: { cpuMs: 25 } });
  await gateway.deploy("dispatcher", {
    code: DISPATCHER,
    bindings: [{ type: "dispatch_namespace", name: "DISPATCHER", namespace: "workers" }],
  });
  const common = { auth: "none", json: "required" } as const;
  // Of the dispatcher itself, nothing is ill: what it answers is an answer.
  await gateway.setRoute("api", { match: { path: "/api/*" }, target: { function: "dispatcher" }, circuit: false, ...common });
  await gateway.setRoute("by-customer", {
    match: { path: "/by-customer/*" },
    target: { function: "workers/{customer}", customer: { from: "header", name: "x-customer-id" } },
    ...common,
  });
}

export interface Dispatched {
  /** Answers that were no JSON, of another worker, not marked, or marked as what they are not. */
  readonly wrong: string[];
  readonly reasons: Record<string, number>;
  /** How long answers of the one that is well took. */
  readonly wellMs: number[];
}

/** Asks the named workers in turn. */
export async function dispatch(host: TestHost, door: Door, workers: readonly string[], amount: Amount): Promise<Dispatched> {
  const result: Dispatched = { wrong: [], reasons: {}, wellMs: [] };
  await each(amount, async (n) => {
    const worker = workers[n % workers.length] ?? "";
    const { path, headers } = DOORS[door](worker);
    const startMs = performance.now();
    const response = await fetch(host.url + path, { headers });
    const text = await response.text();
    const tookMs = performance.now() - startMs;
    const said = saidBy(response, text);
    const isRight = worker === "well" ? said === "well" : (MARKS[worker] ?? []).includes(said);
    if (!isRight) result.wrong.push(`${worker}: ${response.status} ${text.slice(0, 300)}`);
    result.reasons[`${worker} ${said}`] = (result.reasons[`${worker} ${said}`] ?? 0) + 1;
    if (worker === "well") result.wellMs.push(tookMs);
  });
  return result;
}

/** Who answered well, or why not; the answer must be JSON, say so, and name the worker or the target. */
function saidBy(response: Response, text: string): string {
  if (!/^application\/(?:problem\+)?json/.test(response.headers.get("content-type") ?? "")) return "no JSON by its type";
  const body = JSON.parse(text) as { success?: boolean; worker?: string; reason?: string };
  if (!/^function:(?:dispatcher$|workers\/)/.test(response.headers.get("do-target") ?? "")) return "without its target";
  return body.success === true ? (body.worker ?? "") : (body.reason ?? "without a reason");
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
