import { allows } from "../../auth/scopes.ts";
import type { Caller } from "./caller.ts";
import type { Definition, Rule } from "./definition.ts";
import { compileWhere } from "./filter.ts";
import { ALWAYS, anyOf, type Fragment } from "./sql.ts";

export type RuledAction = keyof NonNullable<Definition["rules"]>;

/** Which documents `caller` may read, create, update or delete: one of the rules must hold. */
export function ruleFor(definition: Definition, action: RuledAction, caller: Caller): Fragment {
  const rules = definition.rules?.[action];
  if (rules === undefined) return ALWAYS;
  return anyOf(rules.filter((rule) => isFor(rule, caller)).map((rule) => compileWhere(rule.where, valuesOf(caller))));
}

function isFor({ kinds, scopes }: Rule, caller: Caller): boolean {
  if (kinds !== undefined && !kinds.includes(caller.kind)) return false;
  return scopes === undefined || scopes.some((scope) => hasScope(caller, scope));
}

function hasScope(caller: Caller, scope: string): boolean {
  const [service = "", action = "", ...resource] = scope.split(":");
  return allows(caller.scopes, service, action, resource.length > 0 ? resource.join(":") : "*");
}

/** What a rule may compare with: these texts stand for who calls. */
function valuesOf({ id, kind, tier }: Caller): (value: unknown) => unknown {
  const values = new Map<unknown, string>([
    ["$principal.id", id],
    ["$principal.kind", kind],
    ["$principal.tier", tier],
  ]);
  return (value) => values.get(value) ?? value;
}
