import { DoError } from "../../../../sdk/src/errors.ts";
import type { Accounts, SigningIn } from "../accounts.ts";
import { PLATFORM_TENANT, type By } from "../actor.ts";
import { hashPassword, isOutdated, isPassword, NOBODYS_HASH } from "../password.ts";
import type { Realm } from "../realm.ts";
import type { Remote } from "../remote.ts";

export interface ProveDeps {
  readonly accounts: Remote<Accounts>;
  readonly realmOf: (tenant: string) => Remote<Realm>;
  readonly now: () => number;
}

/**
 * Whether there is such a user, whether they may sign in, and whether the password is theirs: who tries learns only
 * that all three hold, and it takes as long when they do not.
 * @throws DoError UNAUTHENTICATED, RATE_LIMITED
 */
export async function proveUser(
  { accounts, realmOf, now }: ProveDeps,
  by: By,
  address: string | undefined,
  email: string,
  password: string,
): Promise<SigningIn> {
  const user = await accounts.beginSignIn(email, address, now());
  const isRight = await isPassword(password, user?.password ?? NOBODYS_HASH);
  if (!user || user.password === null || user.disabled || !isRight) {
    if (user) await realmOf(PLATFORM_TENANT).noteOften(by, "sign-in.failed", user.userId, now());
    throw new DoError("UNAUTHENTICATED", "Cannot sign in: the e-mail address or the password is not right", { reason: "BAD_SIGN_IN" });
  }
  await accounts.endSignIn(email, address);
  if (isOutdated(user.password)) await accounts.setPasswordHash(user.userId, await hashPassword(password));
  return user;
}

/** Of a user without tenant, the one that is theirs alone. @throws DoError PRECONDITION_FAILED, PERMISSION_DENIED */
export function chooseTenant({ userId, tenants }: SigningIn, wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (tenants.includes(wanted)) return wanted;
    throw new DoError("PERMISSION_DENIED", `Cannot sign in to "${wanted}": you are no member`, { reason: "NO_MEMBER" });
  }
  const [first, ...others] = tenants;
  if (others.length === 0) return first ?? userId;
  throw new DoError("PRECONDITION_FAILED", "Cannot sign in without naming the tenant: you are a member of several", {
    reason: "TENANT_NEEDED",
    details: { tenants },
  });
}
