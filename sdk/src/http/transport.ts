import { decodeAnswer, decodeResult } from "../answer.ts";
import { cancellable, type Cancellable } from "../cancellation.ts";
import { DoError } from "../errors.ts";
import type { ListExecutions, RunOptions, Transport } from "../transport.ts";
import type { ExecuteRequest, ExecutionAnswer, ExecutionRecord, ExecutionSummary, LogEntry, Page, ServiceName, WhoAmI } from "../types.ts";
import { HttpClient, parseJson } from "./client.ts";
import { dbStream } from "./db-streams.ts";
import { readEvents } from "./events.ts";
import { toPlainJson } from "./plain-json.ts";
import { problemOf } from "./problem.ts";

/** do over HTTP: the routes, as a Session's methods. */
export class HttpTransport implements Transport {
  readonly #http: HttpClient;

  constructor(base: URL, credential: string | undefined) {
    this.#http = new HttpClient(base, credential);
  }

  async execute(request: ExecuteRequest, { onLog, signal }: RunOptions): Promise<ExecutionAnswer> {
    const body = toPlainJson(request, "the request");
    if (!onLog && !signal) return decodeAnswer(await this.#http.json("POST", "/execute", { body }));
    // Only the stream names the execution before it has ended.
    return cancellable(
      signal,
      (id, hangUp) => this.#cancel(id, hangUp),
      (control) => this.#stream(body, onLog, control),
    );
  }

  async call(service: ServiceName, method: string, params: readonly unknown[]): Promise<unknown> {
    const stream = service === "db" ? dbStream(this.#http, method, params) : undefined;
    if (stream) return stream;
    const body = toPlainJson({ params: withoutTrailingUndefined(params) }, `the arguments of ${service}.${method}`);
    const answer = await this.#http.json("POST", `/rpc/${service}/${encodeURIComponent(method)}`, { body });
    const { result, resultEncoding } = answer as { result?: unknown; resultEncoding?: unknown };
    return decodeResult(result, resultEncoding);
  }

  async whoami(): Promise<WhoAmI> {
    return (await this.#http.json("GET", "/auth")) as WhoAmI;
  }

  async list(options: ListExecutions): Promise<Page<ExecutionSummary>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options)) if (value !== undefined) query.set(name, String(value));
    return (await this.#http.json("GET", `/executions?${query.toString()}`)) as Page<ExecutionSummary>;
  }

  async get(id: string): Promise<ExecutionRecord> {
    return (await this.#http.json("GET", `/executions/${encodeURIComponent(id)}`)) as ExecutionRecord;
  }

  cancel(id: string): Promise<{ cancelled: boolean }> {
    return this.#cancel(id);
  }

  async #cancel(id: string, signal?: AbortSignal): Promise<{ cancelled: boolean }> {
    return (await this.#http.json("DELETE", `/executions/${encodeURIComponent(id)}`, { signal })) as { cancelled: boolean };
  }

  async #stream(body: string, onLog: ((entry: LogEntry) => void) | undefined, control: Cancellable): Promise<ExecutionAnswer> {
    const response = await this.#http.stream("/execute", { body, signal: control.hangUp });
    const id = response.headers.get("x-execution-id");
    if (id !== null) control.started(id);
    for await (const { event, data } of readEvents(this.#http.chunks(response))) {
      if (event === "log") onLog?.(parseJson(data) as LogEntry);
      else if (event === "result") return decodeAnswer(parseJson(data));
      else if (event === "error") throw problemOf(parseJson(data));
    }
    throw new DoError("UNAVAILABLE", "The server closed the stream before the result", {
      reason: "STREAM_ENDED",
      ...(id === null ? {} : { details: { executionId: id } }),
    });
  }
}

/** JSON has no undefined, and a parameter that is left out is not null. */
function withoutTrailingUndefined(params: readonly unknown[]): readonly unknown[] {
  return params.slice(0, params.findLastIndex((param) => param !== undefined) + 1);
}
