import type { Command } from "commander";
import type { ApiKey, NewApiKey } from "../../auth.ts";
import type { Act } from "../act.ts";
import { EXIT, UsageError } from "../exit.ts";
import { printableLine } from "../output/printable.ts";
import { table } from "../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../output/write.ts";
import { configuredSession } from "../server.ts";

/** `doer keys ...` */
export function addKeys(program: Command, act: Act): void {
  const keys = program.command("keys").description("look after API keys");
  keys
    .command("create")
    .description("make a key; it is printed once")
    .argument("<name>")
    .argument("[permissions...]", "as db:read or db:write:orders; none: a key that may do nothing yet")
    .option("--expires <when>", "as 2027-01-31T12:00:00Z")
    .option("--address <network...>", "where it may be used from")
    .action(
      act(async (globals, [name, permissions], { expires, address }) => {
        const made = await configuredSession(globals).auth.createApiKey(String(name), permissions as string[], {
          ...(expires === undefined ? {} : { expiresAt: expires as string }),
          ...(address === undefined ? {} : { addresses: address as string[] }),
        });
        show(made, globals.json);
        return EXIT.ok;
      }),
    );
  keys
    .command("list")
    .description("list the keys of the tenant, newest first")
    .action(
      act(async (globals) => {
        const page = await configuredSession(globals).auth.listApiKeys();
        if (globals.json) jsonToStdout(page);
        else if (page.items.length === 0) toStderr("There are no keys.");
        else toStdout(table(["ID", "NAME", "START", "STATE", "PERMISSIONS"], page.items.map(row)));
        if (!globals.json && page.cursor !== undefined) toStderr(`There are more than these ${page.items.length}.`);
        return EXIT.ok;
      }),
    );
  keys
    .command("revoke")
    .description("end a key, from its next request on")
    .argument("<id>")
    .action(
      act(async (globals, [id]) => {
        const answer = await configuredSession(globals).auth.revokeApiKey(String(id));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(id))} ${answer.revoked ? "is revoked" : "was revoked already"}`);
        return EXIT.ok;
      }),
    );
  keys
    .command("rotate")
    .description("make a new key with the same rights; it is printed once")
    .argument("<id>")
    .option("--overlap <seconds>", "how long the old one lives on", "0")
    .action(
      act(async (globals, [id], { overlap }) => {
        const overlapSeconds = Number(overlap);
        if (!Number.isInteger(overlapSeconds)) throw new UsageError(`--overlap must be a number of seconds, got ${String(overlap)}`);
        show(await configuredSession(globals).auth.rotateApiKey(String(id), { overlapSeconds }), globals.json);
        return EXIT.ok;
      }),
    );
}

/** The key alone on standard output, so that it can go where it is kept. */
function show(made: NewApiKey, asJson: boolean): void {
  if (asJson) return jsonToStdout(made);
  toStderr(`${made.id} ${printableLine(made.name)}: this is shown once`);
  toStdout(made.key);
}

function row({ id, name, start, last4, permissions, disabled, revokedAt, expiresAt }: ApiKey): string[] {
  const isExpired = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
  const state = revokedAt === undefined ? (isExpired ? "expired" : disabled ? "disabled" : "good") : "revoked";
  return [id, name, `${start}...${last4}`, state, permissions.join(" ")];
}
