import { DoError } from "../../../../sdk/src/errors.ts";
import { HeaderValue, type AddedValue } from "./rules.ts";

/** Secrets of the tenant that egress rules name. */
export interface NamedSecrets {
  /** Those of the names that are set, as they are now. @throws DoError UNAVAILABLE without the operator's key */
  values(names: readonly string[]): Promise<Readonly<Record<string, string>>>;
}

/** Why a header that a rule adds is none. */
export interface Unfit {
  readonly reason: "SECRET_MISSING" | "SECRET_UNFIT";
  readonly why: string;
}

/** The names of the secrets that a rule's headers need. Pure. */
export function secretsIn(inject: Readonly<Record<string, AddedValue>>): string[] {
  return [...new Set(Object.values(inject).flatMap((value) => (typeof value === "string" ? [] : [value.secret])))];
}

/** What is wrong with the secrets that a rule names: a rule that cannot add what it says lets nothing through. Pure. */
export function unfitSecret(
  rule: string,
  inject: Readonly<Record<string, AddedValue>>,
  secrets: Readonly<Record<string, string>>,
): Unfit | undefined {
  for (const name of secretsIn(inject)) {
    const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (value === undefined) return { reason: "SECRET_MISSING", why: `the rule of ${rule} adds the secret ${name}, which is not set` };
    if (!HeaderValue.safeParse(value).success)
      return { reason: "SECRET_UNFIT", why: `the rule of ${rule} adds the secret ${name}, which can be in no header: it must be one line` };
  }
  return undefined;
}

/** The headers with the values of their secrets, which were found fit. Pure. */
export function filled(inject: Readonly<Record<string, AddedValue>>, secrets: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inject).map(([name, value]) => {
      if (typeof value === "string") return [name, value];
      const secret = secrets[value.secret];
      if (secret === undefined) throw new DoError("INTERNAL", "A secret was not looked at before it was used");
      return [name, (value.prefix ?? "") + secret];
    }),
  );
}
