/** A Worker answers a Request: this makes one of the input, and plain data of the Response. */

interface InputRequest {
  url?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Calls a Worker with `input` as its request: `{ url, method, headers, body }`, or any value as a JSON body. */
export function callFetch(worker: unknown, input: unknown, env: unknown, ctx: unknown): unknown {
  if (typeof worker !== "object" || worker === null || !("fetch" in worker) || typeof worker.fetch !== "function") {
    throw new TypeError("The default export must be a function or an object with fetch()");
  }
  return worker.fetch(toRequest(input), env, ctx) as unknown;
}

function toRequest(input: unknown): Request {
  const { url = "/", method, headers, body } = isRequestShape(input) ? input : { body: input };
  const verb = method ?? (body === undefined ? "GET" : "POST");
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const request = new Request(new URL(url, "http://function.invalid"), {
    method: verb,
    headers: headers ?? {},
    ...(text === undefined ? {} : { body: text }),
  });
  if (text !== undefined && typeof body !== "string" && !request.headers.has("content-type")) {
    request.headers.set("content-type", "application/json");
  }
  return request;
}

function isRequestShape(input: unknown): input is InputRequest {
  if (typeof input !== "object" || input === null || Object.keys(input).length === 0) return false;
  return Object.keys(input).every((key) => ["url", "method", "headers", "body"].includes(key));
}

/** `{ status, headers, body }`; the body is JSON when it says so and is, else text. */
export async function fromResponse(response: Response): Promise<{ status: number; headers: Record<string, string>; body: unknown }> {
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), body: parseBody(response, text) };
}

function parseBody(response: Response, text: string): unknown {
  if (!/[/+]json\b/i.test(response.headers.get("content-type") ?? "")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
