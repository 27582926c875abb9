/**
 * Whether one of `scopes` grants `action` of `service` on `resource`.
 * `*` stands for all, or for any run of characters at the end of a resource pattern: `db:read:orders/*`.
 */
export function allows(scopes: readonly string[], service: string, action: string, resource: string): boolean {
  return scopes.some((scope) => {
    if (scope === "*") return true;
    const [grantedService, grantedAction, ...pattern] = scope.split(":");
    if (grantedService !== service) return false;
    if (grantedAction !== "*" && grantedAction !== action) return false;
    return pattern.length === 0 || matches(pattern.join(":"), resource);
  });
}

function matches(pattern: string, resource: string): boolean {
  return pattern.endsWith("*") ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern;
}
