import * as z from "zod";

/** Ids that name a Durable Object: short, printable, nothing that a path or a log line could misread. */
const Id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_:.@-]{0,127}$/);

const PrincipalShape = z.strictObject({
  kind: z.enum(["root", "service", "key", "user", "anonymous"]),
  id: Id,
  tenant: Id,
  tier: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
});

/** Who the caller is, after authentication. Immutable, and never taken from an argument of a call. */
export type Principal = Readonly<z.infer<typeof PrincipalShape>>;

export const ANONYMOUS: Principal = Object.freeze({ kind: "anonymous", id: "anonymous", tenant: "anonymous", tier: "anonymous" });

export const ROOT: Principal = Object.freeze({ kind: "root", id: "root", tenant: "root", tier: "internal" });

/** A principal that was stored. */
export function principalOf(stored: unknown): Principal {
  return Object.freeze(PrincipalShape.parse(stored));
}

const Props = z.object({ principal: PrincipalShape });

/**
 * The principal that a service binding names in its `props`. Props come from configuration or from `ctx.exports`,
 * never from a caller; a binding without them is anonymous, and one with others is a mistake that must be seen.
 */
export function principalFromProps(props: unknown): Principal {
  if (props === undefined || props === null || (typeof props === "object" && Object.keys(props).length === 0)) return ANONYMOUS;
  return Object.freeze(Props.parse(props).principal);
}
