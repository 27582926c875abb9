import { Command, Option } from "commander";
import manifest from "../../../package.json" with { type: "json" };
import { actor } from "./act.ts";
import { addAuth } from "./commands/auth.ts";
import { addDb } from "./commands/db/db.ts";
import { addDeploy } from "./commands/gateway/deploy.ts";
import { addFunctions } from "./commands/gateway/functions.ts";
import { addNamespaces } from "./commands/gateway/namespaces.ts";
import { addObjects } from "./commands/gateway/objects.ts";
import { addPackagesCommand } from "./commands/gateway/packages.ts";
import { addSecrets } from "./commands/gateway/secrets.ts";
import { addTail } from "./commands/gateway/tail.ts";
import { addVariables } from "./commands/gateway/variables.ts";
import { addRollback } from "./commands/gateway/versions.ts";
import { addEgress } from "./commands/gateway/egress.ts";
import { addRoutes } from "./commands/gateway/routes.ts";
import { addEval } from "./commands/eval.ts";
import { addKill } from "./commands/kill.ts";
import { addKeys } from "./commands/keys.ts";
import { addLogin } from "./commands/login.ts";
import { addLogs } from "./commands/logs.ts";
import { addPs } from "./commands/ps.ts";
import { addQueue } from "./commands/queue/queue.ts";
import { addRun } from "./commands/run.ts";
import { addSchedule } from "./commands/schedule/schedule.ts";
import { addWhoami } from "./commands/whoami.ts";
import type { ExitCode } from "./exit.ts";

const HELP = `
Without a server (DO_URL), run and eval start one of their own and stop it afterwards.

Exit codes: 0 the code ended ok, 1 it did not, 2 wrong usage, 3 the server refused or failed, 130 interrupted.`;

/** The whole command line. Problems are thrown, not printed, so that they can be shown in the form that was asked for. */
export function createProgram(done: (code: ExitCode) => void): Command {
  const program = new Command("doer")
    .description("Runs TypeScript on do.")
    .version(manifest.version)
    .addOption(new Option("--url <url>", "the server").env("DO_URL"))
    .addOption(new Option("--key <key>", "the credential").env("DO_KEY"))
    .option("--json", "print exactly one JSON document, for programs")
    .addHelpText("after", HELP)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const act = actor(done);
  for (const add of [addRun, addEval, addPs, addKill, addLogs, addWhoami, addLogin, addKeys, addAuth, addDb, addQueue, addSchedule])
    add(program, act);
  for (const add of [
    addDeploy,
    addFunctions,
    addObjects,
    addRollback,
    addTail,
    addSecrets,
    addVariables,
    addNamespaces,
    addPackagesCommand,
  ])
    add(program, act);
  for (const add of [addRoutes, addEgress]) add(program, act);
  return program;
}
