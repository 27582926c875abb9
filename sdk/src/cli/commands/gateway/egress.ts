import type { Command } from "commander";
import type { EgressRules } from "../../../gateway.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printable } from "../../output/printable.ts";
import { jsonToStdout, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { jsonFrom } from "./json-from.ts";
import { requestOf, withRequestOptions } from "./request-options.ts";

/** `doer egress ...` */
export function addEgress(program: Command, act: Act): void {
  const egress = program.command("egress").description("what code and routes may reach of the network");
  egress
    .command("show")
    .description("print the rules; values of headers are not shown")
    .action(
      act(async (globals) => {
        const stored = await configuredSession(globals).gateway.getEgress();
        if (globals.json) jsonToStdout(stored);
        else toStdout(printable(JSON.stringify(stored.rules, null, 2)));
        return EXIT.ok;
      }),
    );
  egress
    .command("set")
    .description('set the rules: a file of JSON (- is standard input), or the words "allow-all" or "deny-all"')
    .argument("<rules>")
    .action(
      act(async (globals, [rules]) => {
        const stored = await configuredSession(globals).gateway.setEgress((await rulesOf(String(rules))) as EgressRules);
        if (globals.json) jsonToStdout(stored);
        else toStdout("The rules are set.");
        return EXIT.ok;
      }),
    );
  withRequestOptions(egress.command("test").description("say what the rules make of a request, without sending it")).action(
    act(async (globals, [url], options) => {
      const verdict = await configuredSession(globals).gateway.testEgress(requestOf(url, options));
      if (globals.json) jsonToStdout(verdict);
      else if (verdict.allowed) {
        const adds = verdict.adds?.length ? `, and adds ${verdict.adds.join(", ")}` : "";
        toStdout(printable(`allowed by ${verdict.rule ?? ""}${adds}`));
      } else toStdout(printable(`denied: ${verdict.why ?? ""} (${verdict.reason ?? ""})`));
      return EXIT.ok;
    }),
  );
}

/** Rules as they are typed: one of the two words, or a file of JSON. */
export async function rulesOf(text: string): Promise<unknown> {
  return text === "allow-all" || text === "deny-all" ? text : jsonFrom(text);
}
