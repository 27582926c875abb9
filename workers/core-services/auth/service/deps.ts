import { DoError } from "../../../../sdk/src/errors.ts";
import type { WhoAmI } from "../../../../sdk/src/types.ts";
import type { Implementation } from "../../shared/method.ts";
import type { Accounts } from "../accounts.ts";
import type { Actor } from "../actor.ts";
import type { AuthorizationServer } from "../oauth/authorization-server.ts";
import type { Realm } from "../realm.ts";
import type { Remote } from "../remote.ts";
import type { authDefinition } from "../schema.ts";
import type { Tiers } from "../tiers.ts";

/** What the methods of auth act on, for one caller. */
export interface AuthDeps {
  /** Of the caller's own tenant. */
  readonly realm: Remote<Realm>;
  /** Of others: to sign in to, and for the operator. */
  readonly realmOf: (tenant: string) => Remote<Realm>;
  readonly accounts: Remote<Accounts>;
  readonly oauth: Remote<AuthorizationServer>;
  readonly tiers: Tiers;
  readonly actor: Actor;
  readonly now: () => number;
  readonly whoAmI: () => Promise<WhoAmI>;
  /** Where this deployment is: who its tokens are by. */
  readonly issuer: string | undefined;
  /** What any credential stands for, without counting it. @throws DoError as authenticating does */
  readonly inspect: (credential: string) => Promise<Inspected>;
}

export interface Inspected {
  readonly principal: { readonly kind: string; readonly id: string; readonly tenant: string; readonly tier: string };
  readonly scopes: readonly string[];
  readonly credential: {
    readonly id: string;
    /** What it is made from, in the end: a key, a session, a grant. */
    readonly source: string;
    readonly expiresMs: number | undefined;
  };
}

export type Methods<K extends keyof typeof authDefinition.methods> = Pick<Implementation<typeof authDefinition>, K>;

/** @throws DoError PERMISSION_DENIED for code: who a person is, and where they belong, is not for it to change */
export function callersOnly({ isGuest }: Actor): void {
  if (isGuest) throw new DoError("PERMISSION_DENIED", "Cannot do this from code: it is for callers", { reason: "CALLERS_ONLY" });
}
