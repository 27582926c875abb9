import { RpcTarget } from "cloudflare:workers";
import * as z from "zod";
import { encodeValue, ValueError } from "../../../../sdk/src/values.ts";
import { configOf } from "../../../core-services/auth/config.ts";
import type {
  BundleRequest,
  Bundled,
  CallChoice,
  EntrypointInfo,
  FunctionEngine,
  ObjectCall,
  Settings,
  ValueCall,
} from "../../../core-services/gateway/functions/engine.ts";
import { functionsOf } from "../../../core-services/gateway/functions/functions.ts";
import { noMethod, type Leaving, type ObjectName } from "../../../core-services/gateway/functions/objects.ts";
import { doesNotLoad } from "../../../core-services/gateway/functions/service.ts";
import { byteLength } from "../../../core-services/shared/hash.ts";
import { newId } from "../../../core-services/shared/ids.ts";
import type { Via } from "../capabilities.ts";
import { DoError } from "../errors.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import type { Forgotten } from "../executor/executor.ts";
import type { FunctionCall } from "../executor/guest/function-protocol.ts";
import { NO_NETWORK } from "../executor/network.ts";
import { Run } from "../executor/run.ts";
import { policy as policyOf } from "../policy.ts";
import { FunctionRunHost } from "./host.ts";
import { Positions } from "./positions.ts";
import { Redactor } from "./redact.ts";
import { homeKeyOf, objectKeyOf } from "./object-keys.ts";
import { limitsOf } from "./grant.ts";
import { runFunction, valueOf } from "./run.ts";

/** What loading code once may take, whatever its tier: it is to define things, not to work. */
const DESCRIBE_LIMITS = { wallMs: 10_000, cpuMs: 250 };

const Described = z
  .array(
    z.object({
      name: z.string().min(1).max(128),
      kind: z.enum(["function", "worker", "durable"]),
      methods: z.array(z.string().max(128)).max(200),
    }),
  )
  .max(100);

/** Runs functions of one tenant for who holds it: as a call of its own, or within the execution that asks. */
export class Engine implements FunctionEngine {
  readonly #deps: ExecuteDeps;
  readonly #tenant: string;
  readonly #via: Via;
  readonly #parent: Parent | undefined;

  constructor(deps: ExecuteDeps, tenant: string, via: Via, parent: Parent | undefined) {
    this.#deps = deps;
    this.#tenant = tenant;
    this.#via = via;
    this.#parent = parent;
  }

  bundle(request: BundleRequest): Promise<Bundled> {
    const limits = { wallMs: 30_000, cpuMs: 5_000, memoryMb: 512 };
    const entry = {
      executionId: newId("exec", this.#deps.now()),
      tenant: this.#tenant,
      depth: this.#parent ? this.#parent.depth + 1 : 0,
      limits,
    };
    return this.#deps.executor.bundle(entry, request);
  }

  async describe(code: string, map: string, { tier }: Settings): Promise<EntrypointInfo[]> {
    const { env, executor, now } = this.#deps;
    const ofTier = policyOf({ kind: "service", id: "fn", tenant: this.#tenant, tier }, configOf(env.DO_CONFIG).tiers).limits;
    const limits = {
      ...ofTier,
      cpuMs: Math.min(ofTier.cpuMs, DESCRIBE_LIMITS.cpuMs),
      wallMs: Math.min(ofTier.wallMs, DESCRIBE_LIMITS.wallMs),
    };
    const run = new Run({ job: { limits }, tier, now, onLog: () => {}, beforeCall: () => Promise.resolve() });
    const depth = this.#parent ? this.#parent.depth + 1 : 0;
    const enter = () => executor.enter({ executionId: newId("exec", now()), tenant: this.#tenant, depth, limits });
    const job = { call: { kind: "describe" as const }, env: {}, dispatchers: [], namespaces: [], services: [], props: {}, limits };
    const { conclusion } = await run.execute(await enter(), enter, (place, logbook, stop) => {
      const host = new FunctionRunHost({
        logbook,
        surface: new Nothing(),
        network: NO_NETWORK,
        redactor: new Redactor({}),
        onResponse: () => {},
        dispatch: nobody,
        object: nobody,
      });
      return place.call({ warmId: undefined, job, body: null }, host, stop, () => Promise.resolve(code));
    });
    if (conclusion.outcome !== "ok") throw notLoaded(conclusion.error, map);
    const described = Described.safeParse(conclusion.hasValue ? (JSON.parse(conclusion.resultText) as unknown) : []);
    if (described.success) return described.data;
    throw doesNotLoad("it says of itself what is not true", "NO_ENTRYPOINT");
  }

  async call(name: string, call: ValueCall, { timeoutMs, ...choice }: CallChoice): Promise<unknown> {
    const live = await functionsOf(this.#deps.env, this.#tenant).resolve(name, choice, Math.random());
    const exported = live.entrypoints.find((entrypoint) => entrypoint.name === call.entrypoint);
    if (exported?.kind === "durable") {
      const message = `${name}: ${call.entrypoint} is a class of objects, each of which has a name: callObject("${name}", object, method, args)`;
      throw new DoError("INVALID_ARGUMENT", message, { reason: "IS_A_CLASS_OF_OBJECTS" });
    }
    if (!exported) {
      const known = live.entrypoints.map((entrypoint) => entrypoint.name).join(", ");
      throw new DoError("NOT_FOUND", `${name} has no entrypoint "${call.entrypoint}"; it has ${known}`, { reason: "NO_SUCH_ENTRYPOINT" });
    }
    if (call.kind === "method" && (call.method === "fetch" || !exported.methods.includes(call.method))) {
      throw noMethod(name, call.method, exported);
    }
    const sent = encodedCall(call, limitsOf(this.#deps.env, this.#tenant, live).inputBytes);
    const label = call.kind === "invoke" ? "invoke" : `${call.method}()`;
    const run = {
      tenant: this.#tenant,
      live,
      call: sent,
      body: null,
      props: {},
      outbound: this.#parent?.outbound,
      limits: timeoutMs === undefined ? {} : { wallMs: timeoutMs },
      via: this.#via,
      label,
      onResponse: () => {},
    };
    return valueOf(await runFunction(this.#deps, run, this.#parent));
  }

  async callObject(name: string, { object, method, args, entrypoint: named, timeoutMs }: ObjectCall): Promise<unknown> {
    const { env, now } = this.#deps;
    const asked = { object, method, entrypoint: named };
    const { live, entrypoint, home } = await functionsOf(env, this.#tenant).resolveObject(name, asked, now());
    const maxBytes = limitsOf(env, this.#tenant, live).inputBytes;
    // A request is data here, and so is its answer.
    const call: ValueCall =
      method === "fetch" ? { kind: "invoke", entrypoint, input: args[0] } : { kind: "method", entrypoint, method, args };
    return valueOf(
      await runFunction(
        this.#deps,
        {
          tenant: this.#tenant,
          live,
          call: encodedCall(call, maxBytes),
          body: null,
          props: {},
          limits: timeoutMs === undefined ? {} : { wallMs: timeoutMs },
          via: this.#via,
          outbound: this.#parent?.outbound,
          object: { entrypoint, name: object, home },
          label: `${entrypoint}(${JSON.stringify(object)}).${method}()`,
          onResponse: () => {},
        },
        this.#parent,
      ),
    );
  }

  forgetObject(home: string, object: ObjectName): Promise<void> {
    return this.#forget(home, { keys: [objectKeyOf(this.#tenant, home, object)], isWhole: false });
  }

  forgetHome({ home, objects }: Leaving): Promise<void> {
    return this.#forget(home, { keys: objects.map((object) => objectKeyOf(this.#tenant, home, object)), isWhole: true });
  }

  #forget(home: string, what: Forgotten): Promise<void> {
    const { executor, now } = this.#deps;
    const tenant = this.#tenant;
    const depth = this.#parent ? this.#parent.depth + 1 : 0;
    return executor.forget(
      { executionId: newId("exec", now()), tenant, depth, limits: FORGET_LIMITS, home: homeKeyOf(tenant, home) },
      what,
    );
  }
}

/** What deleting the data of objects may take. */
const FORGET_LIMITS = { wallMs: 30_000, cpuMs: 5_000, memoryMb: 128 };

class Nothing extends RpcTarget {}

function nobody(): never {
  throw new DoError("PERMISSION_DENIED", "Code that is only loaded cannot call");
}

function encodedCall(call: ValueCall, maxBytes: number): FunctionCall {
  const { entrypoint } = call;
  const { text, types } = encodedInput(call.kind === "invoke" ? call.input : call.args, maxBytes);
  if (call.kind === "invoke") return { kind: "invoke", entrypoint, input: text, inputTypes: types };
  return { kind: "method", entrypoint, method: call.method, args: text, argTypes: types };
}

function encodedInput(sent: unknown, maxBytes: number): { text: string; types: Record<string, string> } {
  if (sent === undefined) return { text: "", types: {} };
  try {
    const { value, types } = encodeValue(sent, "input");
    const text = JSON.stringify(value);
    const bytes = byteLength(text);
    if (bytes > maxBytes) throw new DoError("TOO_LARGE", `Cannot call: the input must be at most ${maxBytes} bytes, got ${bytes}`);
    return { text, types };
  } catch (error) {
    if (error instanceof ValueError) throw new DoError("INVALID_ARGUMENT", `Cannot call: ${error.message}`);
    throw error;
  }
}

function notLoaded(found: Parameters<Positions["ofError"]>[0], map: string): DoError {
  const { error, file } = new Positions(map).ofError(found);
  const { line, column, name, message, reason } = error;
  const where = file === undefined || line === undefined ? "" : `${file}:${line}:${column ?? 1}: `;
  const isLimit = reason?.endsWith("_LIMIT") === true;
  return doesNotLoad(`${where}${isLimit ? message : `${name}: ${message}`}`, isLimit ? reason : "DOES_NOT_LOAD", { file, line, column });
}
