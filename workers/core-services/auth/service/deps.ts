import type { WhoAmI } from "../../../../sdk/src/types.ts";
import type { Implementation } from "../../shared/method.ts";
import type { Accounts } from "../accounts.ts";
import type { Actor } from "../actor.ts";
import type { Realm } from "../realm.ts";
import type { Remote } from "../remote.ts";
import type { authDefinition } from "../schema.ts";

/** What the methods of auth act on, for one caller. */
export interface AuthDeps {
  /** Of the caller's own tenant. */
  readonly realm: Remote<Realm>;
  readonly accounts: Remote<Accounts>;
  readonly actor: Actor;
  readonly now: () => number;
  readonly whoAmI: () => Promise<WhoAmI>;
}

export type Methods<K extends keyof typeof authDefinition.methods> = Pick<Implementation<typeof authDefinition>, K>;
