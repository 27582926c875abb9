import { DurableObject } from "cloudflare:workers";
import { DoError } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import { sha256 } from "../../shared/hash.ts";
import { newId } from "../../shared/ids.ts";
import { once, type OnceKey } from "../../shared/once.ts";
import { Texts } from "../../shared/texts.ts";
import { FUNCTION_LIMITS } from "../limits.ts";
import { choose, type Share } from "./choose.ts";
import type { Choice, EntrypointInfo, Live, LiveObject, ObjectCall, Settings } from "./engine.ts";
import { noClass, noMethod, Objects, toObjectName, type Leaving, type ObjectInfo, type ObjectName } from "./objects.ts";
import { Secrets, type SecretInfo, type SecretKind } from "./secrets.ts";
import { CREATE_TABLES, type Deployment, type FunctionRow, type NewVersion, type VersionRow } from "./tables.ts";
import { Tails, type TailEvent } from "./tails.ts";
import { vaultOf } from "./vault.ts";

export interface FunctionInfo {
  name: string;
  createdAt: string;
  updatedAt: string;
  public: boolean;
  tags: string[];
  deployment?: Deployment;
}

/** A version as it is shown; `settings` and `entrypoints` are those of engine.ts. */
export interface VersionInfo {
  id: string;
  createdAt: string;
  createdBy: string;
  message?: string;
  settings: { permissions: string[]; tier: string; limits: Record<string, number>; bindings: Record<string, unknown>[]; egress?: unknown };
  entrypoints: { name: string; kind: EntrypointInfo["kind"]; methods: string[] }[];
  codeBytes: number;
}

/** What is changed of a function with a deployment, or by itself. */
export interface FunctionChanges {
  readonly tags?: readonly string[] | undefined;
  readonly isPublic?: boolean | undefined;
  readonly secrets?: Readonly<Record<string, string>> | undefined;
}

export interface PageOf<T> {
  items: T[];
  cursor?: string;
}

const KEPT_DEPLOYMENTS = 50;

/**
 * The saved functions of one tenant: versions that never change, which of them answer, secrets. One object for each
 * tenant, so that a switch is one step that all calls see, and a name of another tenant's is in another database.
 */
export class Functions extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #texts: Texts;
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
    this.#texts = new Texts(this.#sql);
    this.#objects = new Objects(this.#sql);
    const vault = () => vaultOf(env.DO_SECRETS_KEY, name);
    this.#secrets = new Secrets("secrets", this.#sql, vault, name);
    this.#variables = new Secrets("variables", this.#sql, vault, name);
  }

  /** What a call of the function needs now. @throws DoError NOT_FOUND */
  async resolve(name: string, { version, key }: Choice, random: number): Promise<Live> {
    const deployment = this.#deploymentOf(name);
    if (!deployment) throw noFunction(name);
    if (version !== undefined && !deployment.shares.some((share) => share.version === version)) {
      const live = deployment.shares.map((share) => share.version).join(", ");
      throw new DoError("NOT_FOUND", `${name} has no live version ${version}; there is ${live}`, { reason: "VERSION_NOT_LIVE" });
    }
    const chosen = version ?? choose(deployment.shares, key, deployment.id, random);
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
    this.#row(name);
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
    this.#row(name);
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
    const row = this.#versionRow(name, version);
    const settings = JSON.parse(row.settings) as Settings;
    return {
      ...settings,
      name,
      version,
      codeHash: row.code_hash,
      entrypoints: JSON.parse(row.entrypoints) as EntrypointInfo[],
      isPublic: this.#row(name).is_public === 1,
      secrets: await this.#secrets.of(name),
      variables: { ofTenant: await this.#variables.own(""), ofFunction: await this.#variables.own(name) },
      isTailed: false,
    };
  }

  /** The module of a version, by its hash. */
  code(hash: string): string {
    const text = this.#texts.get(`code:${hash}`);
    if (text === undefined) throw new DoError("NOT_FOUND", "The code of this version is no longer kept");
    return text;
  }

  /** Where positions of the module stand in the files that were sent. */
  sourceMap(hash: string): string | undefined {
    return this.#texts.get(`map:${hash}`);
  }

  hasVersion(name: string, id: string): boolean {
    return this.#sql.exec("SELECT 1 FROM versions WHERE function = ? AND id = ?", name, id).toArray().length > 0;
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
        const created = version !== undefined && this.#insertVersion(name, version, nowMs);
        if (!created && !this.hasVersion(name, id)) throw noVersion(name, id);
        this.#secrets.put(name, sealed, nowMs);
        this.#applyChanges(name, changes, nowMs);
        if (live || isNew) this.#setDeployment(name, [{ version: id, percentage: 100 }], live ?? { by: "", message: undefined }, nowMs);
        return { function: this.#info(this.#row(name)), version: id, created };
      }),
    );
  }

  /** Says which versions answer, and in which part. @throws DoError NOT_FOUND */
  setDeployment(name: string, shares: Share[], by: string, message: string | undefined, nowMs: number): Deployment {
    return this.#change(() => {
      this.#row(name);
      for (const { version } of shares) this.#versionRow(name, version);
      return this.#setDeployment(name, shares, { by, message }, nowMs);
    });
  }

  /** The last deployment before this one that had other versions, again; or one version by its id. @throws DoError PRECONDITION_FAILED */
  rollback(name: string, to: string | undefined, by: string, message: string | undefined, nowMs: number): Deployment {
    return this.#change(() => {
      const now = this.#deploymentOf(name);
      if (!now) throw noFunction(name);
      if (to !== undefined) this.#versionRow(name, to);
      const shares = to === undefined ? this.#sharesBefore(name, now) : [{ version: to, percentage: 100 }];
      return this.#setDeployment(name, shares, { by, message: message ?? "rollback" }, nowMs);
    });
  }

  list(namespace: string | undefined, tag: string | undefined, limit: number, cursor: string | undefined): PageOf<FunctionInfo> {
    const rows = this.#sql
      .exec<FunctionRow>(
        `SELECT * FROM functions WHERE name > ? AND (? IS NULL OR namespace = ?)
           AND (? IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)) ORDER BY name LIMIT ?`,
        cursor ?? "",
        namespace ?? null,
        namespace ?? null,
        tag ?? null,
        tag ?? null,
        limit + 1,
      )
      .toArray();
    return pageOf(
      rows,
      limit,
      (row) => this.#info(row),
      ({ name }) => name,
    );
  }

  get(name: string): FunctionInfo {
    return this.#info(this.#row(name));
  }

  listVersions(name: string, limit: number, cursor: string | undefined): PageOf<VersionInfo> {
    this.#row(name);
    const rows = this.#sql
      .exec<VersionRow>(
        "SELECT * FROM versions WHERE function = ? AND (created_ms, id) < (?, ?) ORDER BY created_ms DESC, id DESC LIMIT ?",
        name,
        cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor.split(".")[0]),
        cursor?.split(".")[1] ?? "~",
        limit + 1,
      )
      .toArray();
    return pageOf(rows, limit, toVersion, ({ created_ms, id }) => `${created_ms}.${id}`);
  }

  /** One version with the files that it was made of. */
  getVersion(name: string, id: string): VersionInfo & { files: Record<string, string>; mainModule: string } {
    const row = this.#versionRow(name, id);
    const source = JSON.parse(this.#texts.get(`source:${row.source_hash}`) ?? '{"files":[],"mainModule":""}') as {
      files: [string, string][];
      mainModule: string;
    };
    return { ...toVersion(row), files: Object.fromEntries(source.files), mainModule: source.mainModule };
  }

  listDeployments(name: string): Deployment[] {
    this.#row(name);
    return this.#sql
      .exec<{ deployment: string }>("SELECT deployment FROM deployments WHERE function = ? ORDER BY id DESC", name)
      .toArray()
      .map(({ deployment }) => JSON.parse(deployment) as Deployment);
  }

  update(name: string, changes: FunctionChanges, nowMs: number): FunctionInfo {
    return this.#change(() => {
      this.#row(name);
      this.#applyChanges(name, changes, nowMs);
      return this.#info(this.#row(name));
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
    if (name !== "") this.#row(name);
    const kept = this.#kept(kind);
    const sealed = await kept.seal(name, { [key]: value });
    return this.#change(() => {
      kept.put(name, sealed, nowMs);
      return { key, updatedAt: new Date(nowMs).toISOString() };
    });
  }
  listSecrets(kind: SecretKind, name: string): SecretInfo[] {
    if (name !== "") this.#row(name);
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
  #kept(kind: SecretKind): Secrets {
    return kind === "secrets" ? this.#secrets : this.#variables;
  }

  createNamespace(name: string, nowMs: number): { name: string; id: string; createdAt: string } {
    this.#sql.exec("INSERT OR IGNORE INTO namespaces VALUES (?, ?, ?)", name, newId("ns", nowMs), nowMs);
    const [row] = this.#sql.exec<{ id: string; created_ms: number }>("SELECT * FROM namespaces WHERE name = ?", name).toArray();
    return { name, id: row?.id ?? "", createdAt: new Date(row?.created_ms ?? nowMs).toISOString() };
  }
  listNamespaces(): { name: string; id: string; createdAt: string; functions: number }[] {
    return this.#namespaces();
  }
  /** With all that is in it. */
  deleteNamespace(name: string): { deleted: boolean } {
    return this.#change(() => {
      for (const { name: one } of this.list(name, undefined, FUNCTION_LIMITS.functions, undefined).items) this.#delete(one);
      return { deleted: this.#sql.exec("DELETE FROM namespaces WHERE name = ?", name).rowsWritten > 0 };
    });
  }

  /** What was called since, or what comes within the wait. */
  tail(name: string, since: number, waitMs: number): Promise<{ events: TailEvent[]; next: number }> {
    this.#row(name);
    return this.#tails.next(name, since, waitMs);
  }
  /** A call has ended that somebody watches. */
  noteCall(name: string, event: TailEvent): void {
    this.#tails.add(name, event);
  }

  #namespaces(): { name: string; id: string; createdAt: string; functions: number }[] {
    return this.#sql
      .exec<{ name: string; id: string; created_ms: number; functions: number }>(
        "SELECT n.*, (SELECT count(*) FROM functions f WHERE f.namespace = n.name) AS functions FROM namespaces n ORDER BY name",
      )
      .toArray()
      .map(({ name, id, created_ms, functions }) => ({ name, id, createdAt: new Date(created_ms).toISOString(), functions }));
  }

  /** One step, after which calls ask anew. */
  #change<T>(write: () => T): T {
    this.#live.clear();
    return this.ctx.storage.transactionSync(write);
  }

  #insertFunction(name: string, nowMs: number): boolean {
    if (this.#sql.exec("SELECT 1 FROM functions WHERE name = ?", name).toArray().length > 0) return false;
    const [{ count } = { count: 0 }] = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM functions").toArray();
    if (count >= FUNCTION_LIMITS.functions) {
      throw new DoError("LIMIT_EXCEEDED", `Cannot deploy: a tenant has at most ${FUNCTION_LIMITS.functions} functions`, {
        reason: "TOO_MANY_FUNCTIONS",
        retryable: false,
      });
    }
    const namespace = namespaceOf(name);
    if (namespace !== "") this.createNamespace(namespace, nowMs);
    this.#sql.exec("INSERT INTO functions VALUES (?, ?, ?, ?, 0, '[]', NULL)", name, namespace, nowMs, nowMs);
    return true;
  }

  #insertVersion(name: string, version: NewVersion, nowMs: number): boolean {
    if (this.hasVersion(name, version.id)) return false;
    const codeHash = sha256(version.code);
    const sourceHash = sha256(version.source);
    this.#texts.put(`code:${codeHash}`, version.code);
    this.#texts.put(`map:${codeHash}`, version.map);
    this.#texts.put(`source:${sourceHash}`, version.source);
    this.#sql.exec(
      "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      name,
      version.id,
      nowMs,
      version.createdBy,
      version.message ?? null,
      JSON.stringify(version.settings),
      JSON.stringify(version.entrypoints),
      codeHash,
      sourceHash,
      version.code.length,
    );
    this.#dropOldest(name, version.id);
    return true;
  }

  #dropOldest(name: string, but: string): void {
    const named = this.#deploymentOf(name)?.shares.map(({ version }) => version) ?? [];
    const { rowsWritten } = this.#sql.exec(
      `DELETE FROM versions WHERE function = ? AND id != ? AND id NOT IN (SELECT value FROM json_each(?)) AND id NOT IN
         (SELECT id FROM versions WHERE function = ? ORDER BY created_ms DESC, id DESC LIMIT ?)`,
      name,
      but,
      JSON.stringify(named),
      name,
      FUNCTION_LIMITS.versions,
    );
    if (rowsWritten > 0) this.#dropTexts();
  }

  #applyChanges(name: string, { tags, isPublic }: FunctionChanges, nowMs: number): void {
    if (tags !== undefined) this.#sql.exec("UPDATE functions SET tags = ? WHERE name = ?", JSON.stringify([...new Set(tags)]), name);
    if (isPublic !== undefined) this.#sql.exec("UPDATE functions SET is_public = ? WHERE name = ?", isPublic ? 1 : 0, name);
    this.#sql.exec("UPDATE functions SET updated_ms = ? WHERE name = ?", nowMs, name);
  }

  #setDeployment(
    name: string,
    shares: Share[],
    { by, message }: { readonly by: string; readonly message: string | undefined },
    nowMs: number,
  ): Deployment {
    const id = newId("dep", nowMs);
    const deployment: Deployment = {
      id,
      createdAt: new Date(nowMs).toISOString(),
      createdBy: by,
      ...(message === undefined ? {} : { message }),
      shares,
    };
    const text = JSON.stringify(deployment);
    this.#sql.exec("UPDATE functions SET deployment = ?, updated_ms = ? WHERE name = ?", text, nowMs, name);
    this.#sql.exec("INSERT INTO deployments VALUES (?, ?, ?)", name, id, text);
    this.#sql.exec(
      "DELETE FROM deployments WHERE function = ? AND id NOT IN (SELECT id FROM deployments WHERE function = ? ORDER BY id DESC LIMIT ?)",
      name,
      name,
      KEPT_DEPLOYMENTS,
    );
    return deployment;
  }

  #sharesBefore(name: string, now: Deployment): Share[] {
    const isLive = (shares: Share[]) => JSON.stringify(shares) === JSON.stringify(now.shares);
    const isKept = (shares: Share[]) => shares.every(({ version }) => this.hasVersion(name, version));
    const before = this.listDeployments(name).find(({ id, shares }) => id < now.id && !isLive(shares) && isKept(shares));
    if (before) return before.shares;
    throw new DoError("PRECONDITION_FAILED", `Cannot roll back ${name}: there was no other deployment before this one`, {
      reason: "NOTHING_BEFORE",
    });
  }

  #delete(name: string): boolean {
    const { rowsWritten } = this.#sql.exec("DELETE FROM functions WHERE name = ?", name);
    this.#objects.leave(name);
    for (const table of ["versions", "deployments", "secrets", "variables"])
      this.#sql.exec(`DELETE FROM ${table} WHERE function = ?`, name);
    this.#dropTexts();
    return rowsWritten > 0;
  }

  #dropTexts(): void {
    this.#sql.exec(
      `DELETE FROM texts WHERE key NOT IN (SELECT 'code:' || code_hash FROM versions UNION SELECT 'map:' || code_hash FROM versions
         UNION SELECT 'source:' || source_hash FROM versions)`,
    );
  }

  #row(name: string): FunctionRow {
    const [row] = this.#sql.exec<FunctionRow>("SELECT * FROM functions WHERE name = ?", name).toArray();
    if (!row) throw noFunction(name);
    return row;
  }

  #versionRow(name: string, id: string): VersionRow {
    const [row] = this.#sql.exec<VersionRow>("SELECT * FROM versions WHERE function = ? AND id = ?", name, id).toArray();
    if (!row) throw noVersion(name, id);
    return row;
  }

  #deploymentOf(name: string): Deployment | undefined {
    const [row] = this.#sql.exec<FunctionRow>("SELECT * FROM functions WHERE name = ?", name).toArray();
    return row?.deployment == null ? undefined : (JSON.parse(row.deployment) as Deployment);
  }

  #info(row: FunctionRow): FunctionInfo {
    return {
      name: row.name,
      createdAt: new Date(row.created_ms).toISOString(),
      updatedAt: new Date(row.updated_ms).toISOString(),
      public: row.is_public === 1,
      tags: JSON.parse(row.tags) as string[],
      ...(row.deployment === null ? {} : { deployment: JSON.parse(row.deployment) as Deployment }),
    };
  }
}

function toVersion(row: VersionRow): VersionInfo {
  return {
    id: row.id,
    createdAt: new Date(row.created_ms).toISOString(),
    createdBy: row.created_by,
    ...(row.message === null ? {} : { message: row.message }),
    settings: JSON.parse(row.settings) as VersionInfo["settings"],
    entrypoints: JSON.parse(row.entrypoints) as VersionInfo["entrypoints"],
    codeBytes: row.code_bytes,
  };
}

function pageOf<R, T>(rows: readonly R[], limit: number, to: (row: R) => T, cursorOf: (row: R) => string): PageOf<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(to), ...(rows.length > limit && last ? { cursor: cursorOf(last) } : {}) };
}

/** Empty for a function of no namespace. */
function namespaceOf(name: string): string {
  return name.includes("/") ? (name.split("/")[0] ?? "") : "";
}

export function noFunction(name: string): DoError {
  return new DoError("NOT_FOUND", `There is no function "${name}"`, { reason: "NO_SUCH_FUNCTION" });
}

function noVersion(name: string, id: string): DoError {
  return new DoError("NOT_FOUND", `${name} has no version ${id}`, { reason: "NO_SUCH_VERSION" });
}

/** The functions of a tenant. */
export function functionsOf(env: Cloudflare.Env, tenant: string): Remote<Functions> {
  return env.FUNCTIONS.getByName(tenant);
}
