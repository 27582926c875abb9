import type { Command } from "commander";
import { connect } from "../../connect.ts";
import { ask } from "../ask.ts";
import type { Act } from "../act.ts";
import { EXIT, UsageError } from "../exit.ts";
import type { Globals } from "../globals.ts";
import { printableLine } from "../output/printable.ts";
import { jsonToStdout, toStderr, toStdout } from "../output/write.ts";
import { forgetLogin, saveLogin } from "../saved.ts";
import { configuredSession } from "../server.ts";

/** `doer login`, `doer logout` */
export function addLogin(program: Command, act: Act): void {
  program
    .command("login")
    .description("sign in to the server; the session is kept for the commands that follow")
    .option("--email <address>", "asked for, if it is not given")
    .option("--tenant <name>", "for who is a member of several")
    .action(
      act(async (globals, _args, options) => {
        const url = serverOf(globals);
        const { email, password } = await whoAndPassword(options["email"] as string | undefined);
        const tenant = options["tenant"] as string | undefined;
        const tokens = await connect(url).auth.signIn(email, password, { device: "doer", ...(tenant === undefined ? {} : { tenant }) });
        await saveLogin(url, tokens);
        if (globals.json) jsonToStdout({ tenant: tokens.tenant, userId: tokens.session.userId, sessionId: tokens.session.id });
        else toStdout(`Signed in to ${printableLine(tokens.tenant)}`);
        return EXIT.ok;
      }),
    );
  program
    .command("logout")
    .description("end the session that login has kept, here and at the server")
    .action(
      act(async (globals) => {
        const url = serverOf(globals);
        // What has ended already needs no ending.
        const ended = await configuredSession(globals)
          .auth.signOut()
          .then(
            ({ revoked }) => revoked,
            () => false,
          );
        const had = await forgetLogin(url);
        if (globals.json) jsonToStdout({ signedOut: had, ended });
        else toStderr(had ? "Signed out." : "Nobody was signed in.");
        return EXIT.ok;
      }),
    );
}

function serverOf({ url }: Globals): string {
  if (url !== undefined) return url;
  throw new UsageError("no server is configured: set DO_URL, or pass --url");
}

async function whoAndPassword(given: string | undefined): Promise<{ email: string; password: string }> {
  const questions = [
    ...(given === undefined ? [{ text: "E-mail address: ", isSecret: false }] : []),
    { text: "Password: ", isSecret: true },
  ];
  const answers = await ask(questions);
  return { email: given ?? answers[0] ?? "", password: answers.at(-1) ?? "" };
}
