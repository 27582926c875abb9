import { DoError } from "../../../../sdk/src/errors.ts";
import type { Implementation } from "../../shared/method.ts";
import { onceKey } from "../../shared/once.ts";
import { secretsIn, unfitSecret } from "../egress/added-headers.ts";
import { decide } from "../egress/decide.ts";
import { isPublicHost } from "../egress/place.ts";
import { withoutSecrets, type EgressRules } from "../egress/rules.ts";
import type { gatewayDefinition } from "../schema.ts";
import type { GatewayDeps } from "./deps.ts";

type EgressMethods = Pick<Implementation<typeof gatewayDefinition>, "getEgress" | "setEgress" | "testEgress">;

export function egressService({ traffic, secrets, caller, loopbackOrigins, nowMs }: GatewayDeps): EgressMethods {
  return {
    getEgress: async () => {
      const { rules, updatedMs } = await traffic.egress();
      return stored(rules, updatedMs);
    },
    setEgress: async (rules, options) => {
      if (caller.isGuest) {
        throw new DoError("PERMISSION_DENIED", "Cannot set what code may reach: code itself may not", { reason: "NOT_FOR_CODE" });
      }
      checkDomains(rules, loopbackOrigins);
      const { updatedMs } = await traffic.setEgress(rules, onceKey(options?.idempotencyKey, "setEgress", rules, caller.id), nowMs());
      return stored(rules, updatedMs);
    },
    testEgress: async ({ url: text, method = "GET", headers = {} }) => {
      if (!URL.canParse(text)) throw new DoError("INVALID_ARGUMENT", "Cannot test the URL: it does not parse");
      const { rules } = await traffic.egress();
      const decision = decide(rules, { url: new URL(text), method, headers: new Headers(headers) }, loopbackOrigins);
      if (decision.kind === "denied") return { allowed: false, reason: decision.reason, why: decision.why };
      const inject = decision.kind === "allowed" ? decision.inject : {};
      const names = secretsIn(inject);
      const unfit = unfitSecret(decision.rule, inject, names.length > 0 ? await secrets.values(names) : {});
      if (unfit) return { allowed: false, rule: decision.rule, reason: unfit.reason, why: unfit.why };
      return { allowed: true, rule: decision.rule, ...(decision.kind === "allowed" ? { adds: Object.keys(decision.inject) } : {}) };
    },
  };
}

function stored(rules: EgressRules, updatedMs: number | undefined) {
  return { rules: withoutSecrets(rules), ...(updatedMs === undefined ? {} : { updatedAt: new Date(updatedMs).toISOString() }) };
}

/** A rule that can never hold is a mistake that must be seen when it is made. */
function checkDomains(rules: EgressRules, loopbackOrigins: readonly string[]): void {
  if (typeof rules === "string" || rules.allow === undefined) return;
  const domains = Array.isArray(rules.allow) ? rules.allow : Object.keys(rules.allow);
  for (const domain of domains) {
    const host = domain.replace(/^\*\./, "").replace(/:\d+$/, "").replaceAll(/[[\]]/g, "");
    const isLocal = loopbackOrigins.some((origin) => new URL(origin).host === domain);
    const isPublic = host === "*" || (domain.startsWith("*.") ? isPublicHost(`a.${host}`) : isPublicHost(host));
    if (!isLocal && !isPublic) {
      throw new DoError(
        "INVALID_ARGUMENT",
        `Cannot set egress rules: allow.${domain} is no public place, and nothing else can be allowed`,
        {
          reason: "PRIVATE_ADDRESS",
        },
      );
    }
  }
}
