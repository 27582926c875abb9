import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import { once, type OnceKey } from "../../shared/once.ts";
import type { NamedSecrets } from "../egress/added-headers.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import { choose, type Share } from "./choose.ts";
import { Deployments } from "./deployments.ts";
import type { Choice, EntrypointInfo, Live, LiveObject, ObjectCall, Settings } from "./engine.ts";
import { noClass, noMethod, Objects, toObjectName, type Leaving, type ObjectInfo, type ObjectName } from "./objects.ts";
import { FunctionRows, noFunction, type FunctionChanges, type FunctionInfo } from "./function-rows.ts";
import { namespaceOf, Namespaces, type NamespaceInfo } from "./namespaces.ts";
import { pageOf, type PageOf } from "./page.ts";
import { FOR_EGRESS, Secrets, type SecretInfo, type SecretKind } from "./secrets.ts";
import { CREATE_TABLES, type Deployment, type NewVersion } from "./tables.ts";
import { Tails, type TailEvent } from "./tails.ts";
import { vaultOf } from "./vault.ts";
import { noVersion, Versions, type VersionInfo } from "./versions.ts";

/**
 * The saved functions of one tenant: versions that never change, which of them answer, secrets. One object for each
 * tenant, so that a switch is one step that all calls see, and a name of another tenant's is in another database.
 */
export class Functions extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #rows: FunctionRows;
  readonly #versions: Versions;
  readonly #deployments: Deployments;
  readonly #namespaces: Namespaces;
  readonly #secrets: Secrets;
  readonly #variables: Secrets;
  readonly #objects: Objects;
  readonly #tails = new Tails();
  /** What calls ask for, until something changes. */
  readonly #live = new Map<string, Promise<Live>>();

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const { name } = ctx.id;
    if (name === undefined) throw new DoError("INTERNAL", "Functions are found by the name of their tenant");
    this.#sql = ctx.storage.sql;
    this.#sql.exec(CREATE_TABLES);
    this.#rows = new FunctionRows(this.#sql);
    this.#versions = new Versions(this.#sql);
    this.#deployments = new Deployments(this.#sql);
    this.#namespaces = new Namespaces(this.#sql);
    this.#objects = new Objects(this.#sql);
    const vault = () => vaultOf(env.DO_SECRETS_KEY, name);
    this.#secrets = new Secrets("secrets", this.#sql, vault, name);
    this.#variables = new Secrets("variables", this.#sql, vault, name);
  }

  /** What a call of the function needs now. @throws DoError NOT_FOUND */
  async resolve(name: string, { version, key }: Choice, random: number): Promise<Live> {
    const deployment = this.#deployments.current(name);
    if (!deployment) throw noFunction(name);
    if (version !== undefined && !deployment.shares.some((share) => share.version === version)) {
      const live = deployment.shares.map((share) => share.version).join(", ");
      throw new DoError("NOT_FOUND", `${name} has no live version ${version}; there is ${live}`, { reason: "VERSION_NOT_LIVE" });
    }
    const chosen = version ?? choose(this.#deployments.ranges(name, deployment), key, name, random);
    const cacheKey = `${name} ${chosen}`;
    const known = this.#live.get(cacheKey) ?? this.#makeLive(name, chosen ?? "");
    this.#live.set(cacheKey, known);
    try {
      return { ...(await known), isTailed: this.#tails.isWatched(name) };
    } catch (error) {
      this.#live.delete(cacheKey);
      throw error;
    }
  }

  /** What a call of an object needs. It keeps its version for as long as a deployment stands. @throws DoError NOT_FOUND, LIMIT_EXCEEDED */
  async resolveObject(
    name: string,
    { object, method, entrypoint }: Pick<ObjectCall, "object" | "method" | "entrypoint">,
    nowMs: number,
  ): Promise<LiveObject> {
    const live = await this.resolve(name, { key: object }, 0);
    const classes = live.entrypoints.filter(({ kind }) => kind === "durable");
    const found = entrypoint === undefined && classes.length === 1 ? classes[0] : classes.find((one) => one.name === entrypoint);
    if (!found)
      throw noClass(
        name,
        entrypoint,
        classes.map((one) => one.name),
      );
    if (!found.methods.includes(method)) throw noMethod(name, method, found);
    return { live, entrypoint: found.name, home: this.#objects.open(name, { entrypoint: found.name, name: object }, nowMs) };
  }
  listObjects(name: string, entrypoint: string | undefined, limit: number, cursor: string | undefined): PageOf<ObjectInfo> {
    this.#rows.get(name);
    const objects = this.#objects.list(name, entrypoint, limit + 1, cursor === undefined ? undefined : toObjectName(cursor));
    return pageOf(
      objects,
      limit,
      (object) => object,
      (object) => JSON.stringify([object.entrypoint, object.name]),
    );
  }
  /** Its home; undefined when there is no such object. @throws DoError NOT_FOUND */
  findObject(name: string, object: ObjectName): string | undefined {
    this.#rows.get(name);
    return this.#objects.find(name, object);
  }
  objectGone(home: string, object: ObjectName): void {
    this.#objects.gone(home, object);
  }
  leavingHomes(): Leaving[] {
    return this.#objects.leaving();
  }
  homeLeft(home: string): void {
    this.#objects.left(home);
  }

  async #makeLive(name: string, version: string): Promise<Live> {
    const row = this.#versions.row(name, version);
    const settings = JSON.parse(row.settings) as Settings;
    return {
      ...settings,
      name,
      version,
      codeHash: row.code_hash,
      entrypoints: JSON.parse(row.entrypoints) as EntrypointInfo[],
      isPublic: this.#rows.get(name).public,
      secrets: await this.#secrets.of(name),
      variables: { ofTenant: await this.#variables.own(""), ofFunction: await this.#variables.own(name) },
      isTailed: false,
    };
  }

  code(hash: string): string {
    return this.#versions.code(hash);
  }
  sourceMap(hash: string): string | undefined {
    return this.#versions.sourceMap(hash);
  }
  hasVersion(name: string, id: string): boolean {
    return this.#versions.has(name, id);
  }

  /**
   * Keeps a version and, when it says so, makes it the one that answers: in one step. `version` is undefined for one
   * that is kept already.
   */
  async deploy(
    name: string,
    id: string,
    version: NewVersion | undefined,
    changes: FunctionChanges,
    live: { readonly by: string; readonly message: string | undefined } | undefined,
    nowMs: number,
    key: OnceKey | undefined,
  ): Promise<{ function: FunctionInfo; version: string; created: boolean }> {
    const sealed = await this.#secrets.seal(name, changes.secrets ?? {});
    return this.#change(() =>
      once(this.#sql, key, nowMs, () => {
        const isNew = this.#insertFunction(name, nowMs);
        const created = version !== undefined && this.#versions.insert(name, version, this.#answering(name), nowMs);
        if (!created && !this.#versions.has(name, id)) throw noVersion(name, id);
        this.#secrets.put(name, sealed, nowMs);
        this.#rows.change(name, changes, nowMs);
        if (live || isNew) this.#deployments.set(name, [{ version: id, percentage: 100 }], live ?? { by: "", message: undefined }, nowMs);
        return { function: this.#rows.get(name), version: id, created };
      }),
    );
  }

  /** Says which versions answer, and in which part. @throws DoError NOT_FOUND */
  setDeployment(name: string, shares: Share[], by: string, message: string | undefined, nowMs: number): Deployment {
    return this.#change(() => {
      this.#rows.get(name);
      for (const { version } of shares) this.#versions.row(name, version);
      return this.#deployments.set(name, shares, { by, message }, nowMs);
    });
  }

  /** The last deployment before this one that had other versions, again; or one version by its id. @throws DoError PRECONDITION_FAILED */
  rollback(name: string, to: string | undefined, by: string, message: string | undefined, nowMs: number): Deployment {
    return this.#change(() => {
      const now = this.#deployments.current(name);
      if (!now) throw noFunction(name);
      if (to !== undefined) this.#versions.row(name, to);
      const shares =
        to === undefined
          ? this.#deployments.sharesBefore(name, now, (id) => this.#versions.has(name, id))
          : [{ version: to, percentage: 100 }];
      return this.#deployments.set(name, shares, { by, message: message ?? "rollback" }, nowMs);
    });
  }

  list(namespace: string | undefined, tag: string | undefined, limit: number, cursor: string | undefined): PageOf<FunctionInfo> {
    return this.#rows.list(namespace, tag, limit, cursor);
  }

  has(name: string): boolean {
    return this.#rows.has(name);
  }

  get(name: string): FunctionInfo {
    return this.#rows.get(name);
  }

  listVersions(name: string, limit: number, cursor: string | undefined): PageOf<VersionInfo> {
    this.#rows.get(name);
    return this.#versions.list(name, limit, cursor);
  }

  /** One version with the files that it was made of. */
  getVersion(name: string, id: string): VersionInfo & { files: Record<string, string>; mainModule: string } {
    return this.#versions.get(name, id);
  }

  listDeployments(name: string): Deployment[] {
    this.#rows.get(name);
    return this.#deployments.list(name);
  }

  update(name: string, changes: FunctionChanges, nowMs: number): FunctionInfo {
    return this.#change(() => {
      this.#rows.get(name);
      this.#rows.change(name, changes, nowMs);
      return this.#rows.get(name);
    });
  }

  delete(name: string): { deleted: boolean } {
    return this.#change(() => ({ deleted: this.#delete(name) }));
  }

  /** All that have the tag, in one namespace or in all. */
  deleteTagged(tag: string, namespace: string | undefined): { deleted: string[] } {
    return this.#change(() => {
      const { items } = this.list(namespace, tag, FUNCTION_LIMITS.functions, undefined);
      for (const { name } of items) this.#delete(name);
      return { deleted: items.map(({ name }) => name) };
    });
  }

  async setSecret(kind: SecretKind, name: string, key: string, value: string, nowMs: number): Promise<SecretInfo> {
    this.#checkOwner(name);
    const kept = this.#kept(kind);
    const sealed = await kept.seal(name, { [key]: value });
    return this.#change(() => {
      kept.put(name, sealed, nowMs);
      return { key, updatedAt: new Date(nowMs).toISOString() };
    });
  }
  listSecrets(kind: SecretKind, name: string): SecretInfo[] {
    this.#checkOwner(name);
    return this.#kept(kind).list(name);
  }
  deleteSecret(kind: SecretKind, name: string, key: string): { deleted: boolean } {
    return this.#change(() => ({ deleted: this.#kept(kind).delete(name, key) }));
  }
  /** Variables with their values. */
  async listVariables(name: string): Promise<(SecretInfo & { value: string })[]> {
    const values = await this.#variables.own(name);
    return this.listSecrets("variables", name).map((info) => ({ ...info, value: values[info.key] ?? "" }));
  }
  /** What of the keys egress rules put into requests. For the host alone. */
  egressSecrets(keys: readonly string[]): Promise<Record<string, string>> {
    return this.#secrets.forEgress(keys);
  }
  /** @throws DoError NOT_FOUND for a function that is not there */
  #checkOwner(name: string): void {
    if (name !== "" && name !== FOR_EGRESS) this.#rows.get(name);
  }
  #kept(kind: SecretKind): Secrets {
    return kind === "secrets" ? this.#secrets : this.#variables;
  }

  createNamespace(name: string, nowMs: number): NamespaceInfo {
    return this.#namespaces.create(name, nowMs);
  }
  listNamespaces(): (NamespaceInfo & { functions: number })[] {
    return this.#namespaces.list();
  }
  /** With all that is in it. */
  deleteNamespace(name: string): { deleted: boolean } {
    return this.#change(() => {
      for (const { name: one } of this.list(name, undefined, FUNCTION_LIMITS.functions, undefined).items) this.#delete(one);
      return { deleted: this.#namespaces.delete(name) };
    });
  }

  /** What was called since, or what comes within the wait. */
  tail(name: string, since: number, waitMs: number): Promise<{ events: TailEvent[]; next: number }> {
    this.#rows.get(name);
    return this.#tails.next(name, since, waitMs);
  }
  /** A call has ended that somebody watches. */
  noteCall(name: string, event: TailEvent): void {
    this.#tails.add(name, event);
  }

  /** One step, after which calls ask anew. */
  #change<T>(write: () => T): T {
    this.#live.clear();
    return this.ctx.storage.transactionSync(write);
  }

  #insertFunction(name: string, nowMs: number): boolean {
    if (this.#rows.has(name)) return false;
    this.#rows.insert(name, nowMs);
    const namespace = namespaceOf(name);
    if (namespace !== "") this.#namespaces.create(namespace, nowMs);
    return true;
  }

  #answering(name: string): string[] {
    return this.#deployments.current(name)?.shares.map(({ version }) => version) ?? [];
  }

  #delete(name: string): boolean {
    this.#objects.leave(name);
    this.#versions.delete(name);
    this.#deployments.delete(name);
    for (const kept of [this.#secrets, this.#variables]) kept.deleteAll(name);
    return this.#rows.delete(name);
  }
}

/** The secrets that egress rules of a tenant name. */
export function egressSecretsOf(env: Cloudflare.Env, tenant: string): NamedSecrets {
  return { values: (names) => functionsOf(env, tenant).egressSecrets(names) };
}

/** The functions of a tenant. */
export function functionsOf(env: Cloudflare.Env, tenant: string): Remote<Functions> {
  return env.FUNCTIONS.getByName(tenant);
}
