import type { Command } from "commander";
import type { Binding, OwnEgressRules, Upload } from "../../../gateway.ts";
import { uploadFrom } from "../../../node.ts";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { jsonToStdout, toStdout } from "../../output/write.ts";
import { parseTimeout } from "../../run-options.ts";
import { configuredSession } from "../../server.ts";
import { rulesOf } from "./egress.ts";

interface DeployOptions {
  readonly name?: string;
  readonly main?: string;
  readonly var?: string[];
  readonly dispatcher?: string[];
  readonly objects?: string[];
  readonly tag?: string[];
  readonly permission?: string[];
  readonly egress?: string;
  readonly cpuMs?: number;
  readonly wallMs?: number;
  readonly public?: boolean;
  readonly message?: string;
  readonly live: boolean;
}

/** `doer deploy PATH` */
export function addDeploy(program: Command, act: Act): void {
  program
    .command("deploy")
    .description("save code as a function: a file with what it imports, or a folder")
    .argument("<path>")
    .option("--name <name>", "as shop or customers/shop (default: the name of the file or folder)")
    .option("--main <file>", "of a folder, the file whose exports are called")
    .option("--var <name=value...>", "a variable that the code sees in env")
    .option("--dispatcher <name=namespace...>", "a dispatcher that the code sees in env")
    .option("--objects <name=class...>", "a namespace of objects of a class, which the code sees in env")
    .option("--tag <tag...>", "at most 8")
    .option("--permission <scope...>", "the rights of the code (default: those of your own code)")
    .option(
      "--egress <rules>",
      "what it may reach of what the tenant's rules allow: a file of JSON (- is standard input), deny-all or allow-all",
    )
    .option("--cpu-ms <ms>", "CPU time of a call", parseTimeout)
    .option("--wall-ms <ms>", "time of a call", parseTimeout)
    .option("--public", "let /fn answer anybody")
    .option("--no-public", "let /fn answer the tenant only")
    .option("--message <text>", "what it is for")
    .option("--no-live", "keep the version without switching to it")
    .action(
      act(async (globals, [path], given) => {
        const options = given as unknown as DeployOptions;
        const name = options.name ?? nameOf(String(path));
        const made = await configuredSession(globals).gateway.deploy(name, {
          ...(await read(String(path), options.main)),
          ...settingsOf(options),
          ...(options.egress === undefined ? {} : { egress: (await rulesOf(options.egress)) as OwnEgressRules }),
        });
        if (globals.json) jsonToStdout(made);
        else toStdout(`${printableLine(name)} ${made.version}${made.created ? "" : ", as it was"}${options.live ? " is live" : " waits"}`);
        return EXIT.ok;
      }),
    );
}

async function read(path: string, main: string | undefined): Promise<Upload> {
  try {
    return await uploadFrom(path, main);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : "unknown error"}`);
  }
}

function nameOf(path: string): string {
  const last = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return last.replace(/\.[cm]?[jt]sx?$/, "");
}

function settingsOf({
  var: variables = [],
  dispatcher = [],
  objects = [],
  tag,
  permission,
  cpuMs,
  wallMs,
  message,
  live,
  ...rest
}: DeployOptions): Upload {
  const bindings: Binding[] = [
    ...variables.map((text): Binding => ({ type: "plain_text", ...pairOf("--var", text, (name, value) => ({ name, text: value })) })),
    ...dispatcher.map((text): Binding => ({
      type: "dispatch_namespace",
      ...pairOf("--dispatcher", text, (name, namespace) => ({ name, namespace })),
    })),
    ...objects.map((text): Binding => ({
      type: "durable_object_namespace",
      ...pairOf("--objects", text, (name, className) => ({ name, class_name: className })),
    })),
  ];
  const limits = { ...(cpuMs === undefined ? {} : { cpuMs }), ...(wallMs === undefined ? {} : { wallMs }) };
  return {
    ...(bindings.length > 0 ? { bindings } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(permission === undefined ? {} : { permissions: permission }),
    ...(rest.public === undefined ? {} : { public: rest.public }),
    ...(message === undefined ? {} : { message }),
    ...(live ? {} : { live }),
  };
}

function pairOf<T>(option: string, text: string, make: (name: string, value: string) => T): T {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${option} must be NAME=VALUE, got ${text}`);
  return make(text.slice(0, at), text.slice(at + 1));
}
