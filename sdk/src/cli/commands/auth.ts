import type { Command } from "commander";
import type { Act } from "../act.ts";
import { EXIT } from "../exit.ts";
import { prettyValue } from "../output/value.ts";
import { jsonToStdout, toStdout } from "../output/write.ts";
import { parseArgument } from "../run-options.ts";
import { configuredSession } from "../server.ts";

/** `doer auth METHOD [ARGUMENT...]`: each method of the service, as it is named in docs/auth.md. */
export function addAuth(program: Command, act: Act): void {
  program
    .command("auth")
    .description("call a method of auth, as: doer auth assignRole viewer key_...")
    .argument("<method>", "as createRole, listMembers, listAudit")
    .argument("[arguments...]", "each as JSON, or as text where it is none")
    .action(
      act(async (globals, [method, given]) => {
        const params = (given as string[]).map(parseArgument);
        // The server knows which methods there are, and says which one was meant.
        const auth = configuredSession(globals).auth as unknown as Record<string, (...params: unknown[]) => Promise<unknown>>;
        const result = await auth[String(method)]?.(...params);
        if (globals.json) jsonToStdout(result ?? null);
        else toStdout(prettyValue(result) ?? "");
        return EXIT.ok;
      }),
    );
}
