import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { addBackup, addExport, addImport, addRestore } from "./move.ts";
import { addShell } from "./shell.ts";

/** `doer db ...` */
export function addDb(program: Command, act: Act): void {
  // The program keeps its errors to itself, to show them in the form that was asked for; so do the commands of a command.
  const db = program
    .command("db")
    .description("the tenant's database: SQL, export, import, backup, restore")
    .copyInheritedSettings(program);
  for (const add of [addShell, addExport, addImport, addBackup, addRestore]) add(db, act);
}
