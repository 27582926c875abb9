import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { addPackages } from "../../packages/add.ts";
import { configuredSession } from "../../server.ts";

/** `doer packages ...` */
export function addPackagesCommand(program: Command, act: Act): void {
  const packages = program.command("packages").description("look after what functions may import");
  packages
    .command("add")
    .description("put packages into the store, with all that they need: zod@4, ./zod.tgz, https://.../zod.tgz")
    .argument("<package...>")
    .option("--integrity <sha512>", "what the tarball must be; for one package")
    .action(
      act(async (globals, [specs], { integrity }) => {
        const named = specs as string[];
        if (integrity !== undefined && named.length !== 1) throw new UsageError("--integrity is for one package");
        const added = await addPackages(configuredSession(globals).gateway, named, integrity as string | undefined);
        if (globals.json) jsonToStdout({ packages: added });
        else for (const { package: one, created } of added) toStdout(`${one.id} ${one.integrity}${created ? "" : ", as it was"}`);
        return EXIT.ok;
      }),
    );
  packages
    .command("list")
    .description("list the packages of the store; * is what a function gets by the name")
    .action(
      act(async (globals) => {
        const { items } = await configuredSession(globals).gateway.listPackages();
        const rows = items.map(({ id, current, files, bytes, createdAt }) => [id, current ? "*" : "", `${files}`, `${bytes}`, createdAt]);
        if (globals.json) jsonToStdout({ items });
        else if (items.length === 0) toStderr("There are no packages.");
        else toStdout(table(["PACKAGE", "", "FILES", "BYTES", "ADDED"], rows));
        return EXIT.ok;
      }),
    );
  packages
    .command("remove")
    .description("take a version out of the store; functions keep what they were made of")
    .argument("<package@version>")
    .action(
      act(async (globals, [id]) => {
        const answer = await configuredSession(globals).gateway.removePackage(String(id));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(id))} ${answer.removed ? "is removed" : "was not there"}`);
        return EXIT.ok;
      }),
    );
}
