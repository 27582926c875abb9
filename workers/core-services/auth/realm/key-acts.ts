import { DoError } from "../../../../sdk/src/errors.ts";
import type { OnceKey } from "../../shared/once.ts";
import type { Actor } from "../actor.ts";
import type { ApiKey, KeyChanges } from "../schema/keys.ts";
import type { RealmCore } from "./core.ts";
import type { KeyRow, NewKey } from "./keys.ts";

/** What is done with the API keys of a tenant, by whom, within what they hold. */
export class KeyActs {
  readonly #core: RealmCore;

  constructor(core: RealmCore) {
    this.#core = core;
  }

  async create(actor: Actor, key: NewKey, nowMs: number, onceKey: OnceKey | undefined): Promise<ApiKey & { key: string }> {
    const core = this.#core;
    const tag = await core.tag();
    return core.onceWithSecret(onceKey, nowMs, () => {
      core.mayHandOn(actor, key.permissions);
      core.mayGiveTier(actor, key.tier);
      if (key.ownerId !== undefined && !core.members.has(key.ownerId) && key.ownerId !== core.tenant) {
        throw new DoError("NOT_FOUND", "There is no such member, to own the key", { reason: "MEMBER_NOT_FOUND" });
      }
      const made = core.keys.create(tag, { ...key, tier: key.tier ?? this.#tierFor(actor) }, nowMs);
      core.note(actor, "key.created", made.id, nowMs, { name: made.name, permissions: made.permissions });
      return made;
    });
  }

  get(id: string): ApiKey {
    return this.#core.keys.toApiKey(this.#key(id));
  }

  update(actor: Actor, id: string, changes: KeyChanges, nowMs: number): ApiKey {
    const core = this.#core;
    const row = this.#liveKey(id);
    // To switch a key off takes nothing that the key holds; anything else could make it stronger than who changes it.
    const isOnlyDisabling = changes.disabled === true && Object.keys(changes).length === 1;
    if (!isOnlyDisabling) core.mayHandOn(actor, [...this.#heldBy(row), ...(changes.permissions ?? [])]);
    const { meta: _, ...shown } = changes;
    core.changed();
    core.note(actor, "key.updated", id, nowMs, shown);
    return core.keys.update(row, changes, nowMs);
  }

  revoke(actor: Actor, id: string, nowMs: number): { revoked: boolean } {
    this.#key(id);
    const revoked = this.#core.keys.revoke(id, nowMs);
    this.#core.changed();
    if (revoked) this.#core.note(actor, "key.revoked", id, nowMs);
    return { revoked };
  }

  async rotate(
    actor: Actor,
    id: string,
    overlapMs: number,
    nowMs: number,
    onceKey: OnceKey | undefined,
  ): Promise<ApiKey & { key: string }> {
    const core = this.#core;
    const tag = await core.tag();
    return core.onceWithSecret(onceKey, nowMs, () => {
      const row = this.#liveKey(id);
      // Its text is the right to all that it holds.
      core.mayHandOn(actor, this.#heldBy(row));
      core.mayGiveTier(actor, row.tier ?? core.tier);
      const made = core.keys.rotate(tag, row, nowMs + overlapMs, nowMs);
      core.rights.copy(id, made.id);
      core.changed();
      core.note(actor, "key.rotated", id, nowMs, { to: made.id, overlapSeconds: overlapMs / 1_000 });
      return made;
    });
  }

  /** A tenant that was made by the operator has a tier; in any other, a key gets that of who makes it. */
  #tierFor(actor: Actor): string | undefined {
    return this.#core.setting("tier") === undefined ? actor.tier : undefined;
  }

  #heldBy(row: KeyRow): string[] {
    return [...(JSON.parse(row.permissions) as string[]), ...this.#core.rights.of(row.id)];
  }

  #key(id: string): KeyRow {
    const row = this.#core.keys.row(id);
    if (!row) throw new DoError("NOT_FOUND", "There is no such key in this tenant", { reason: "KEY_NOT_FOUND" });
    return row;
  }

  #liveKey(id: string): KeyRow {
    const row = this.#key(id);
    if (row.revoked_ms === null) return row;
    throw new DoError("CONFLICT", "Cannot change the key: it is revoked", { reason: "KEY_REVOKED" });
  }
}
