import { DoError } from "../errors.ts";
import { failureOf } from "./problem.ts";

type Verb = "GET" | "POST" | "DELETE";

interface Sent {
  /** JSON as text, or bytes as they come. */
  readonly body?: string | ReadableStream<Uint8Array>;
  /** Closes the request. */
  readonly signal?: AbortSignal | undefined;
}

/** Requests to one server as one principal. Every failure is a DoError, and none names the credential. */
export class HttpClient {
  readonly #base: string;
  readonly #origin: string;
  readonly #credential: string | undefined;

  constructor(base: URL, credential: string | undefined) {
    this.#origin = base.origin;
    this.#base = base.origin + base.pathname.replace(/\/+$/, "");
    this.#credential = credential;
  }

  /** The JSON that the server answers. */
  async json(verb: Verb, path: string, sent: Sent = {}): Promise<object> {
    const response = await this.#send(verb, path, "application/json", sent);
    const answer = parseJson(await this.#text(response));
    if (typeof answer !== "object" || answer === null) throw notDo(this.#origin, response);
    return answer;
  }

  /** An answer of server-sent events. */
  async stream(path: string, sent: Sent): Promise<Response> {
    const response = await this.#send("POST", path, "text/event-stream", sent);
    if (response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
    throw notDo(this.#origin, response);
  }

  /** The body of an answer, whatever it holds, as it arrives. */
  async bytes(path: string, accept: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#send("GET", path, accept, {});
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** The body as it arrives. */
  async *chunks({ body }: Response): AsyncGenerator<Uint8Array, void, undefined> {
    if (!body) return;
    // Not every browser iterates a stream.
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } catch (error) {
      throw this.#unreachable(error);
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  async #send(verb: Verb, path: string, accept: string, { body, signal }: Sent): Promise<Response> {
    const headers = new Headers({ accept });
    if (body !== undefined) headers.set("content-type", typeof body === "string" ? "application/json" : "application/octet-stream");
    if (this.#credential !== undefined) headers.set("authorization", `Bearer ${this.#credential}`);
    let response: Response;
    try {
      // A redirect would take the credential and the code to another place than the one that was named.
      response = await fetch(this.#base + path, {
        method: verb,
        headers,
        redirect: "manual",
        ...(body === undefined ? {} : { body }),
        // A stream is sent while it is read; fetch wants to hear that no answer is expected before its end.
        ...(typeof body === "object" ? { duplex: "half" } : {}),
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (response.ok) return response;
    throw failureOf(response, await this.#text(response)) ?? notDo(this.#origin, response);
  }

  async #text(response: Response): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): DoError {
    const { cause } = error instanceof Error ? error : {};
    const why = cause instanceof Error ? `: ${"code" in cause ? String(cause.code) : cause.message}` : "";
    return new DoError("UNAVAILABLE", `Cannot reach ${this.#origin}${why}`, { reason: "UNREACHABLE" });
  }
}

/** Undefined for what is no JSON: no answer of do is. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Somebody between here and do answered, or it is no do at all. */
function notDo(origin: string, { status, headers }: Response): DoError {
  const type = (headers.get("content-type") ?? "no content").slice(0, 64);
  return new DoError("UPSTREAM", `${origin} answered ${status} with ${type}, which is no answer of do`, {
    reason: "NOT_DO",
    retryable: status === 429 || (status >= 502 && status <= 504),
    requestId: headers.get("x-request-id") ?? undefined,
  });
}
