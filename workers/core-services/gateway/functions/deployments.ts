import { DoError } from "../../../../sdk/src/errors.ts";
import { newId } from "../../shared/ids.ts";
import { allot, type Range, type Share } from "./choose.ts";
import type { Deployment, FunctionRow } from "./tables.ts";

const KEPT_DEPLOYMENTS = 50;

/** Which versions of a tenant's functions answer, and which did. */
export class Deployments {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  current(name: string): Deployment | undefined {
    const [row] = this.#sql.exec<FunctionRow>("SELECT * FROM functions WHERE name = ?", name).toArray();
    return row?.deployment == null ? undefined : (JSON.parse(row.deployment) as Deployment);
  }

  set(
    name: string,
    shares: Share[],
    { by, message }: { readonly by: string; readonly message: string | undefined },
    nowMs: number,
  ): Deployment {
    this.#allot(name, shares);
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

  /** Which steps of 0.01 % the live versions have. Of one that has all nothing is looked up. */
  ranges(name: string, { shares }: Deployment): readonly Range[] {
    if (shares.some(({ percentage }) => percentage === 100)) return allot([], shares);
    return this.#kept(name) ?? allot([], shares);
  }

  #allot(name: string, shares: Share[]): void {
    const now = this.current(name);
    const ranges = allot(now ? this.ranges(name, now) : [], shares);
    this.#sql.exec("INSERT OR REPLACE INTO ranges VALUES (?, ?)", name, JSON.stringify(ranges));
  }

  #kept(name: string): Range[] | undefined {
    const [row] = this.#sql.exec<{ ranges: string }>("SELECT ranges FROM ranges WHERE function = ?", name).toArray();
    return row && (JSON.parse(row.ranges) as Range[]);
  }

  /** Newest first. */
  list(name: string): Deployment[] {
    return this.#sql
      .exec<{ deployment: string }>("SELECT deployment FROM deployments WHERE function = ? ORDER BY id DESC", name)
      .toArray()
      .map(({ deployment }) => JSON.parse(deployment) as Deployment);
  }

  /** What answered before this deployment and was another, of versions that are still there. @throws DoError PRECONDITION_FAILED */
  sharesBefore(name: string, now: Deployment, hasVersion: (id: string) => boolean): Share[] {
    const isLive = (shares: Share[]) => JSON.stringify(shares) === JSON.stringify(now.shares);
    const isKept = (shares: Share[]) => shares.every(({ version }) => hasVersion(version));
    const before = this.list(name).find(({ id, shares }) => id < now.id && !isLive(shares) && isKept(shares));
    if (before) return before.shares;
    throw new DoError("PRECONDITION_FAILED", `Cannot roll back ${name}: there was no other deployment before this one`, {
      reason: "NOTHING_BEFORE",
    });
  }

  /** All of a function. */
  delete(name: string): void {
    for (const table of ["deployments", "ranges"]) this.#sql.exec(`DELETE FROM ${table} WHERE function = ?`, name);
  }
}
