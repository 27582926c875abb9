import type { Binding, Live } from "../../../core-services/gateway/functions/engine.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { FUNCTION_LIMITS } from "../../../core-services/gateway/limits.ts";
import { byteLength } from "../../../core-services/shared/hash.ts";
import type { Authority } from "../capabilities.ts";
import { DoError, publicError } from "../errors.ts";
import type { Turns } from "../executor/budget.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import type { ObjectAnswer } from "../executor/guest/function-protocol.ts";
import { fetchFunction } from "./fetch.ts";
import type { ObjectAsk } from "./host.ts";
import { limitsOf } from "./grant.ts";
import { runFunction, type CalledObject } from "./run.ts";

type Namespace = Extract<Binding, { type: "durable_object_namespace" }>;

export interface NestedObject extends ObjectAsk {
  readonly namespaces: readonly Namespace[];
  readonly authority: Authority;
  /** The function whose binding it is. */
  readonly live: Live;
  readonly tenant: string;
  readonly self: Parent;
  /** Of the objects that the code asks: some wait for the others. */
  readonly turns: Turns;
}

/** A call of an object by code that holds its namespace: within the code's own execution. */
export async function askObject(deps: ExecuteDeps, ask: NestedObject): Promise<ObjectAnswer> {
  const { authority } = ask;
  try {
    return await authority.meter.call({ service: "gateway", method: "object", access: "write" }, () => asked(deps, ask));
  } catch (error) {
    return refused(publicError(error, authority.via.requestId));
  }
}

async function asked(deps: ExecuteDeps, ask: NestedObject): Promise<ObjectAnswer> {
  const { namespaces, binding, name, tenant, live: own, authority, self, turns, body } = ask;
  const namespace = namespaces.find((one) => one.name === binding);
  if (!namespace) throw new DoError("NOT_FOUND", `There is no binding ${binding}`, { reason: "NO_SUCH_BINDING" });
  checkName(name);
  const target = namespace.script_name ?? own.name;
  const called = { object: name, method: ask.asked.kind === "fetch" ? "fetch" : ask.asked.method, entrypoint: namespace.class_name };
  const { live, entrypoint, home } = await functionsOf(deps.env, tenant).resolveObject(target, called, deps.now());
  const object: CalledObject = { entrypoint, name, home };
  const common = { tenant, live, props: {}, limits: {}, via: authority.via, object, turns, outbound: self.outbound };
  if (ask.asked.kind === "fetch") {
    const { response } = await fetchFunction(deps, { ...common, request: ask.asked.request, body, parent: self });
    return { ok: true, head: { status: response.status, headers: response.headers }, body: response.body };
  }
  const { method, args, argTypes } = ask.asked;
  checkSize(args, limitsOf(deps.env, tenant, live).inputBytes);
  const end = await runFunction(
    deps,
    {
      ...common,
      call: { kind: "method", entrypoint, method, args, argTypes },
      body: null,
      label: `${entrypoint}(${JSON.stringify(name)}).${method}()`,
      onResponse: () => {},
    },
    self,
  );
  const { resultText, types, hasValue } = end.check();
  return { ok: true, value: hasValue ? resultText : "", types };
}

/** Names from code are checked as those from callers are (gateway/schema/functions.ts). */
function checkName(name: string): void {
  const most = FUNCTION_LIMITS.objectNameCharacters;
  if (name.length > 0 && name.length <= most && name.isWellFormed() && !name.includes("\0")) return;
  throw new DoError("INVALID_ARGUMENT", `The name of an object must be 1 to ${most} characters of well-formed text without NUL`);
}

function checkSize(args: string, maxBytes: number): void {
  const bytes = byteLength(args);
  if (bytes > maxBytes) throw new DoError("TOO_LARGE", `Cannot call: the input must be at most ${maxBytes} bytes, got ${bytes}`);
}

/** What the object threw, as it threw it; else what became of the call. */
function refused({ code, reason = "", message, details }: DoError): ObjectAnswer {
  const thrown = details?.["outcome"] === "threw" ? (details["error"] as { name?: unknown; message?: unknown }) : undefined;
  if (typeof thrown?.message !== "string") return { ok: false, code, reason, message, name: "DoError" };
  return { ok: false, code, reason, message: thrown.message, name: typeof thrown.name === "string" ? thrown.name : "Error" };
}
