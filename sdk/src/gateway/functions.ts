import type { OwnEgressRules } from "./egress.ts";
/** The code of a function, and what it holds. `code` is one module; `modules` are files by path, of which `mainModule` is called. */
export interface Upload {
  code?: string | undefined;
  language?: "ts" | "js" | undefined;
  modules?: Record<string, string> | undefined;
  mainModule?: string | undefined;
  bindings?: Binding[] | undefined;
  /** Set in the same step; they are kept for later versions. */
  secrets?: Record<string, string> | undefined;
  /** Less than the tier gives. */
  limits?: FunctionLimits | undefined;
  /** What its code may reach of what the tenant's egress rules allow; default: all of it. */
  egress?: OwnEgressRules | undefined;
  /** The rights of the code; default: those that code of the caller has. */
  permissions?: string[] | undefined;
  /** At most 8. */
  tags?: string[] | undefined;
  /** Whether /fn answers anybody. */
  public?: boolean | undefined;
  message?: string | undefined;
  /** Default true; false keeps the version, and the live one stays. */
  live?: boolean | undefined;
  idempotencyKey?: string | undefined;
}

export type Binding =
  | { type: "plain_text"; name: string; text: string }
  | { type: "json"; name: string; json: unknown }
  | { type: "secret_text"; name: string; text: string }
  /** Objects of a class of this function, or of another one of the tenant. */
  | { type: "durable_object_namespace"; name: string; class_name: string; script_name?: string | undefined }
  | { type: "dispatch_namespace"; name: string; namespace: string; outbound?: OutboundBinding | undefined };

/** The function whose fetch() answers the requests of what a dispatcher calls, and the names in its `env` that the dispatcher gives. */
export interface OutboundBinding {
  worker: { service: string; entrypoint?: string | undefined };
  params?: { name: string }[] | undefined;
}

export interface FunctionLimits {
  wallMs?: number | undefined;
  cpuMs?: number | undefined;
  memoryMb?: number | undefined;
  calls?: number | undefined;
  inputBytes?: number | undefined;
  resultBytes?: number | undefined;
  logBytes?: number | undefined;
}

export interface FunctionInfo {
  /** `shop`, or `customers/shop` in a namespace. */
  name: string;
  createdAt: string;
  updatedAt: string;
  public: boolean;
  tags: string[];
  /** Absent until a version is live. */
  deployment?: FunctionDeployment | undefined;
}

/** Which versions answer; percentages are 100 together. */
export interface FunctionDeployment {
  id: string;
  createdAt: string;
  createdBy: string;
  message?: string | undefined;
  shares: VersionShare[];
}

export interface VersionShare {
  version: string;
  percentage: number;
}

export interface FunctionVersion {
  id: string;
  createdAt: string;
  createdBy: string;
  message?: string | undefined;
  settings: { permissions: string[]; tier: string; limits: Record<string, number>; bindings: Record<string, unknown>[]; egress?: unknown };
  entrypoints: { name: string; kind: "function" | "worker" | "durable"; methods: string[] }[];
  codeBytes: number;
}

/** With the files that it was made of. */
export interface FunctionVersionFiles extends FunctionVersion {
  files: Record<string, string>;
  mainModule: string;
}

export interface FunctionNamespace {
  name: string;
  id: string;
  createdAt: string;
}

export interface FunctionNamespaceCount extends FunctionNamespace {
  functions: number;
}

export interface CallOptions {
  /** A named export; default `default`. */
  entrypoint?: string | undefined;
  /** A version of the live deployment, also one of 0 %. */
  version?: string | undefined;
  /** Equal keys get the same version of a deployment. */
  stickyKey?: string | undefined;
  /** Less time than the function has by itself. */
  timeoutMs?: number | undefined;
}

export interface ObjectOptions {
  /** Which class; not needed when there is only one. */
  entrypoint?: string | undefined;
  /** Less time than the function has by itself. */
  timeoutMs?: number | undefined;
}

/** One object of a class of a function. */
export interface FunctionObject {
  name: string;
  entrypoint: string;
  createdAt: string;
}

interface OfFunction {
  function?: string | undefined;
}

interface OfSecret extends OfFunction {
  /** For egress rules, which name it; no code gets it. */
  egress?: true | undefined;
}

/** Saved functions. Kept by hand; tests/unit/sdk-types.test.ts holds it to the definition of the service. */
export interface GatewayFunctions {
  /** @throws DoError UNPROCESSABLE with file, line and reason for code that does not load; the live version stays */
  deploy(name: string, upload: Upload): Promise<{ function: FunctionInfo; version: string; created: boolean }>;
  listFunctions(options?: {
    namespace?: string | undefined;
    tag?: string | undefined;
    limit?: number | undefined;
    cursor?: string | undefined;
  }): Promise<{ items: FunctionInfo[]; cursor?: string | undefined }>;
  getFunction(name: string): Promise<FunctionInfo>;
  updateFunction(name: string, changes: { tags?: string[] | undefined; public?: boolean | undefined }): Promise<FunctionInfo>;
  deleteFunction(name: string): Promise<{ deleted: boolean }>;
  deleteFunctions(filter: { tag: string; namespace?: string | undefined }): Promise<{ deleted: string[] }>;
  /** Newest first. */
  listVersions(
    name: string,
    options?: { limit?: number | undefined; cursor?: string | undefined },
  ): Promise<{ items: FunctionVersion[]; cursor?: string | undefined }>;
  getVersion(name: string, version: string): Promise<FunctionVersionFiles>;
  setDeployment(name: string, shares: VersionShare[], options?: { message?: string | undefined }): Promise<FunctionDeployment>;
  listDeployments(name: string): Promise<{ items: FunctionDeployment[] }>;
  /** To what answered before, or to one version. */
  rollback(name: string, options?: { to?: string | undefined; message?: string | undefined }): Promise<FunctionDeployment>;
  invoke(name: string, input: unknown, options?: CallOptions): Promise<unknown>;
  call(name: string, method: string, args?: unknown[], options?: CallOptions): Promise<unknown>;
  /** An object is made by being called, and keeps what it stores. `fetch` takes `{ url, method, headers, body }`. */
  callObject(name: string, object: string, method: string, args?: unknown[], options?: ObjectOptions): Promise<unknown>;
  listObjects(
    name: string,
    options?: { entrypoint?: string | undefined; limit?: number | undefined; cursor?: string | undefined },
  ): Promise<{ items: FunctionObject[]; cursor?: string | undefined }>;
  /** With all that it has stored. */
  deleteObject(name: string, object: string, options: { entrypoint: string }): Promise<{ deleted: boolean }>;
  /** Of one function, for egress rules alone, or else of all of the tenant's. It is never shown. */
  setSecret(key: string, value: string, options?: OfSecret): Promise<{ key: string; updatedAt: string }>;
  listSecrets(options?: OfSecret): Promise<{ items: { key: string; updatedAt: string }[] }>;
  deleteSecret(key: string, options?: OfSecret): Promise<{ deleted: boolean }>;
  /** A variable that can be read again, of one function, or without it of all of the tenant's. The next call has it. */
  setVariable(key: string, value: string, options?: OfFunction): Promise<{ key: string; updatedAt: string }>;
  listVariables(options?: OfFunction): Promise<{ items: { key: string; value: string; updatedAt: string }[] }>;
  deleteVariable(key: string, options?: OfFunction): Promise<{ deleted: boolean }>;
  createNamespace(name: string): Promise<FunctionNamespace>;
  listNamespaces(): Promise<{ items: FunctionNamespaceCount[] }>;
  /** With all that is in it. */
  deleteNamespace(name: string): Promise<{ deleted: boolean }>;
  /** Calls as they end: from `since` on, or those that come within the wait. */
  tail(
    name: string,
    options?: { since?: number | undefined; waitMs?: number | undefined },
  ): Promise<{ events: Record<string, unknown>[]; next: number }>;
}

/** A function, or an object of one, as an object: every name is a method of its entrypoint. */
export type FunctionHandle = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>;
