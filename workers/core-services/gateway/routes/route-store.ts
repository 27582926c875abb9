import { DoError } from "../../../../sdk/src/errors.ts";
import type { Sponsor } from "../../shared/background.ts";
import { once, type OnceKey } from "../../shared/once.ts";
import type { Route, RouteSpec } from "./route.ts";
import { isSameMatch, RouteTable } from "./table.ts";

/** Routes of a tenant. */
export const MAX_ROUTES = 500;

export interface StoredRoute {
  readonly route: Route;
  /** On whose behalf its target is asked. */
  readonly sponsor: Sponsor;
  readonly createdMs: number;
  readonly updatedMs: number;
}

interface Row extends Record<string, SqlStorageValue> {
  name: string;
  spec: string;
  sponsor: string;
  created_ms: number;
  updated_ms: number;
}

/** The routes of one tenant, and the table that is made of them. */
export class RouteStore {
  readonly #sql: SqlStorage;
  #known: { table: RouteTable; routes: ReadonlyMap<string, StoredRoute> } | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS routes (name TEXT PRIMARY KEY, spec TEXT NOT NULL, sponsor TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    );
  }

  get table(): RouteTable {
    return this.#all().table;
  }

  get(name: string): StoredRoute | undefined {
    return this.#all().routes.get(name);
  }

  list(): StoredRoute[] {
    return [...this.#all().routes.values()];
  }

  /** @throws DoError CONFLICT for a match that another route has; LIMIT_EXCEEDED */
  set(name: string, spec: RouteSpec, sponsor: Sponsor, key: OnceKey | undefined, nowMs: number): { created: boolean } {
    return once(this.#sql, key, nowMs, () => {
      const { routes } = this.#all();
      const route = { ...spec, name };
      const other = [...routes.values()].find((stored) => stored.route.name !== name && isSameMatch(stored.route, route));
      if (other) {
        throw new DoError("CONFLICT", `Cannot set the route: "${other.route.name}" matches the same with the same priority`, {
          reason: "DUPLICATE_ROUTE",
          details: { route: other.route.name },
        });
      }
      const before = routes.get(name);
      if (!before && routes.size >= MAX_ROUTES)
        throw new DoError("LIMIT_EXCEEDED", `Cannot set the route: there are at most ${MAX_ROUTES}`, {
          reason: "ROUTES",
          retryable: false,
        });
      this.#sql.exec(
        "INSERT OR REPLACE INTO routes VALUES (?, ?, ?, ?, ?)",
        name,
        JSON.stringify(spec),
        JSON.stringify(sponsor),
        before?.createdMs ?? nowMs,
        nowMs,
      );
      this.#known = undefined;
      return { created: !before };
    });
  }

  delete(name: string, key: OnceKey | undefined, nowMs: number): { deleted: boolean } {
    return once(this.#sql, key, nowMs, () => {
      const deleted = this.#all().routes.has(name);
      this.#sql.exec("DELETE FROM routes WHERE name = ?", name);
      this.#known = undefined;
      return { deleted };
    });
  }

  #all() {
    if (this.#known) return this.#known;
    const routes = this.#sql.exec<Row>("SELECT * FROM routes ORDER BY name").toArray().map(toStored);
    this.#known = {
      routes: new Map(routes.map((stored) => [stored.route.name, stored])),
      table: new RouteTable(routes.map(({ route }) => route)),
    };
    return this.#known;
  }
}

function toStored({ name, spec, sponsor, created_ms: createdMs, updated_ms: updatedMs }: Row): StoredRoute {
  return { route: { ...(JSON.parse(spec) as RouteSpec), name }, sponsor: JSON.parse(sponsor) as Sponsor, createdMs, updatedMs };
}
