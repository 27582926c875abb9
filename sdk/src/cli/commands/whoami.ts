import type { Command } from "commander";
import type { WhoAmI } from "../../types.ts";
import type { Act } from "../act.ts";
import { EXIT } from "../exit.ts";
import { printable } from "../output/printable.ts";
import { onStdout } from "../output/style.ts";
import { jsonToStdout, toStdout } from "../output/write.ts";
import { configuredSession } from "../server.ts";

/** `doer whoami` */
export function addWhoami(program: Command, act: Act): void {
  program
    .command("whoami")
    .description("show who the credential stands for, and what it may do")
    .action(
      act(async (globals) => {
        const who = await configuredSession(globals).whoami();
        if (globals.json) jsonToStdout(who);
        else toStdout(describe(who));
        return EXIT.ok;
      }),
    );
}

function describe({ principal, scopes, services, limits }: WhoAmI): string {
  const facts = {
    principal: `${principal.id} (${principal.kind})`,
    tenant: principal.tenant,
    tier: principal.tier,
    services: services.join(", ") || "none",
    scopes: scopes.join(", ") || "none",
    ...Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, limit === null ? "no limit" : String(limit)])),
  };
  const width = Math.max(...Object.keys(facts).map((name) => name.length));
  return Object.entries(facts)
    .map(([name, fact]) => `${onStdout.dim(printable(name).padEnd(width))}  ${printable(fact)}`)
    .join("\n");
}
