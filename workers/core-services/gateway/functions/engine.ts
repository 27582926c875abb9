import type { Limits } from "../../../../sdk/src/types.ts";
import type { OwnEgressRules } from "../egress/rules.ts";
import type { Leaving, ObjectName } from "./objects.ts";

/** Text of files by their path in the upload, as `src/index.ts`; a package's as `node_modules/zod@4.6.7/index.js`. */
export interface BundleRequest {
  readonly files: readonly (readonly [path: string, text: string])[];
  readonly mainModule: string;
  /** The packages that `files` hold, by their ids: `zod@4.6.7`. */
  readonly packages: Readonly<Record<string, BundlePackage>>;
  /** The ids that names have in the upload. */
  readonly imports: Readonly<Record<string, string>>;
  /** Names of what there is in the store, to say so. */
  readonly known: readonly string[];
}

export interface BundlePackage {
  readonly entrances: PackageEntrances;
  /** The ids that names have in it. */
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Specifier within the package (`.`, `./mini`; `#internal` for itself) to the path of its file in it. */
export type PackageEntrances = Readonly<Record<string, string>>;

export type Bundled =
  | { readonly code: string; readonly map: string }
  | { readonly error: string; readonly file?: string; readonly line?: number; readonly column?: number };

/** What one export of a function's main module is. */
export interface EntrypointInfo {
  readonly name: string;
  /** A function of one context, an object or class that takes requests and calls, a class that is a Durable Object. */
  readonly kind: "function" | "worker" | "durable";
  /** What may be called by name, `fetch` among it. */
  readonly methods: readonly string[];
}

/** What a version is beside its code: what it holds and what bounds it. Fixed when it is deployed. */
export interface Settings {
  /** The rights of its code, and the tier that bounds them. */
  readonly permissions: readonly string[];
  readonly tier: string;
  /** Less than the tier gives; what is not named is the tier's. */
  readonly limits: Partial<Limits>;
  readonly bindings: readonly Binding[];
  /** What its code may reach of what the tenant's rules allow; without it, all of that. */
  readonly egress?: OwnEgressRules | undefined;
}

export type Binding =
  | { readonly type: "plain_text"; readonly name: string; readonly text: string }
  | { readonly type: "json"; readonly name: string; readonly json: unknown }
  /** Objects of a class of this function, or of another one of the tenant. */
  | {
      readonly type: "durable_object_namespace";
      readonly name: string;
      readonly class_name: string;
      readonly script_name?: string | undefined;
    }
  | DispatchBinding;

export interface DispatchBinding {
  readonly type: "dispatch_namespace";
  readonly name: string;
  readonly namespace: string;
  readonly outbound?: OutboundBinding | undefined;
}

/** The function that the requests of all that a dispatcher calls go to, and the names that it is told of each call. */
export interface OutboundBinding {
  readonly worker: { readonly service: string; readonly entrypoint?: string | undefined };
  readonly params?: readonly { readonly name: string }[] | undefined;
}

/** What a call needs to know of the function, as it is at this moment. */
export interface Live extends Settings {
  readonly name: string;
  readonly version: string;
  /** Of its module: the name of its text in the store. */
  readonly codeHash: string;
  readonly entrypoints: readonly EntrypointInfo[];
  readonly isPublic: boolean;
  readonly secrets: Readonly<Record<string, string>>;
  /** What is set live: the tenant's come before the bindings of the version, and the function's over them. */
  readonly variables: { readonly ofTenant: Readonly<Record<string, string>>; readonly ofFunction: Readonly<Record<string, string>> };
  /** Somebody watches its calls. */
  readonly isTailed: boolean;
}

/** What decides between several live versions. */
export interface Choice {
  /** A version of the live deployment, its share be what it may. */
  readonly version?: string | undefined;
  /** Equal keys get the same version, for as long as its share does not shrink. */
  readonly key?: string | undefined;
}

export interface CallChoice extends Choice {
  /** Less than the function has by itself. */
  readonly timeoutMs?: number | undefined;
}

/** How a function is called from where a value is wanted. */
export type ValueCall =
  | { readonly kind: "invoke"; readonly entrypoint: string; readonly input: unknown }
  | { readonly kind: "method"; readonly entrypoint: string; readonly method: string; readonly args: readonly unknown[] };

/** An object that was found: what it runs now, which class it is of, and where what it stores is. */
export interface LiveObject {
  readonly live: Live;
  readonly entrypoint: string;
  readonly home: string;
}

/** What an object is asked for; `fetch` with a request as data, and its answer as data. */
export interface ObjectCall {
  readonly object: string;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Which class; not needed when there is only one. */
  readonly entrypoint: string | undefined;
  readonly timeoutMs: number | undefined;
}

/** What runs functions for whoever asks. Held with the authority: it knows what asks, and within which execution. */
export interface FunctionEngine {
  bundle(request: BundleRequest): Promise<Bundled>;
  /** Loads it once, within the limits. @throws DoError UNPROCESSABLE saying where and why */
  describe(code: string, map: string, settings: Settings): Promise<EntrypointInfo[]>;
  /** @throws DoError NOT_FOUND; UPSTREAM, TIMEOUT, CANCELLED, UNAVAILABLE for how it ended */
  call(name: string, call: ValueCall, options: CallChoice): Promise<unknown>;
  /** The same for an object of a function, which is made by being called. */
  callObject(name: string, call: ObjectCall): Promise<unknown>;
  /** Deletes what an object has stored. */
  forgetObject(home: string, object: ObjectName): Promise<void>;
  /** Deletes what all objects of a function that is gone have stored. */
  forgetHome(leaving: Leaving): Promise<void>;
}
