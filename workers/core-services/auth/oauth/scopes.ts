import { isScope } from "../scopes.ts";

const SERVICES = ["db", "queue", "schedule", "email", "webhooks", "gateway", "mcp"];

/** What the metadata offers. A client may ask for any other scope of the grammar, as `db:read:orders/*`. */
export const SCOPES_OFFERED = [
  ...SERVICES.flatMap((service) => [`${service}:read`, `${service}:write`]),
  "executions:read",
  "executions:write",
];

/** For a client that asks for nothing in particular. */
const DEFAULT_SCOPES = ["db:read", "db:write", "executions:read", "executions:write"];

const MAX_SCOPES = 50;

/** Of what a client asks for, what there is; words of other protocols (`openid`, `offline_access`) ask for nothing here. */
export function scopesAskedFor(asked: readonly string[]): string[] {
  const known = [...new Set(asked.filter(isScope))].slice(0, MAX_SCOPES);
  return known.length > 0 ? known : [...DEFAULT_SCOPES];
}
