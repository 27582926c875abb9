/**
 * The permission grammar, and the one matcher of it, for keys, roles, sessions, OAuth scopes and code.
 *
 *     scope    = "*" | service ":" action [ ":" resource ]
 *     service  = name | "*"      action = name | "*"
 *     resource = text, or a beginning of it and "*"
 *
 * Without a resource, a scope is for all of them.
 */

interface Scope {
  readonly service: string;
  readonly action: string;
  readonly resource: string;
}

const MAX_SCOPE_CHARACTERS = 300;

/** Resources are what an OAuth scope token may hold (RFC 6749, section 3.3): printable, no space, quote or backslash; `*` only at the end. */
const GRAMMAR =
  /^([a-z][a-z0-9-]{0,31}|\*):([a-z][a-z0-9-]{0,31}|\*)(?::([\x21\x23-\x29\x2b-\x5b\x5d-\x7e]*\*|[\x21\x23-\x29\x2b-\x5b\x5d-\x7e]+))?$/;

function parse(text: string): Scope | undefined {
  if (text.length > MAX_SCOPE_CHARACTERS) return undefined;
  if (text === "*") return { service: "*", action: "*", resource: "*" };
  const [, service, action, resource = "*"] = GRAMMAR.exec(text) ?? [];
  return service === undefined || action === undefined ? undefined : { service, action, resource };
}

/** The one spelling of a scope. */
function print({ service, action, resource }: Scope): string {
  if (resource !== "*") return `${service}:${action}:${resource}`;
  return service === "*" && action === "*" ? "*" : `${service}:${action}`;
}

export function isScope(text: string): boolean {
  return parse(text) !== undefined;
}

/** Whether one of `scopes` grants `action` of `service` on `resource`. What is no scope grants nothing. */
export function allows(scopes: readonly string[], service: string, action: string, resource: string): boolean {
  return scopes.some((text) => {
    const scope = parse(text);
    return scope !== undefined && isName(scope.service, service) && isName(scope.action, action) && isResource(scope.resource, resource);
  });
}

function isName(granted: string, name: string): boolean {
  return granted === "*" || granted === name;
}

function isResource(pattern: string, resource: string): boolean {
  return pattern.endsWith("*") ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern;
}

/** Whether one of `scopes` grants anything at all of a service. */
export function mentions(scopes: readonly string[], service: string): boolean {
  return scopes.some((text) => isName(parse(text)?.service ?? "", service));
}

/** Whether all that `wanted` grants is granted by one of `held`: who holds `held` may hand on `wanted`. */
export function covers(held: readonly string[], wanted: string): boolean {
  const scope = parse(wanted);
  // A pattern is covered by a pattern as its own text is: `a/*` begins with `a/`, and with `a`.
  return scope !== undefined && allows(held, scope.service, scope.action, scope.resource);
}

/** Those of `wanted` that `held` does not cover. */
export function beyond(held: readonly string[], wanted: readonly string[]): string[] {
  return wanted.filter((scope) => !covers(held, scope));
}

/** The scopes that grant what both lists grant, and nothing else. */
export function intersect(first: readonly string[], second: readonly string[]): string[] {
  const both = first.flatMap((a) => second.flatMap((b) => common(a, b)));
  return simplify(both);
}

function common(a: string, b: string): string[] {
  const [x, y] = [parse(a), parse(b)];
  if (!x || !y) return [];
  const service = narrower(x.service, y.service);
  const action = narrower(x.action, y.action);
  const resource = isResource(x.resource, y.resource) ? y.resource : isResource(y.resource, x.resource) ? x.resource : undefined;
  return service === undefined || action === undefined || resource === undefined ? [] : [print({ service, action, resource })];
}

function narrower(a: string, b: string): string | undefined {
  if (a === b || b === "*") return a;
  return a === "*" ? b : undefined;
}

/** The same grants without what another of them covers. */
export function simplify(scopes: readonly string[]): string[] {
  const unique = [
    ...new Set(
      scopes
        .map((text) => parse(text))
        .filter((scope) => scope !== undefined)
        .map(print),
    ),
  ];
  return unique.filter((scope) => !unique.some((other) => other !== scope && covers([other], scope)));
}
