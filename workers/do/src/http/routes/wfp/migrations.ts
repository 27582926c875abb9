import * as z from "zod";
import { DoError } from "../../../errors.ts";

const Classes = z.array(z.string());
const Step = z.object({
  new_classes: Classes.optional(),
  new_sqlite_classes: Classes.optional(),
  deleted_classes: z.unknown().optional(),
  renamed_classes: z.unknown().optional(),
  transferred_classes: z.unknown().optional(),
});
const Migrations = Step.extend({ steps: z.array(Step).optional() });

/**
 * Migrations say which classes are new. Here a class is there when its code exports it, and what its objects store is SQLite:
 * nothing has to be done for it. Those that would move or delete what is stored are refused. @throws DoError
 */
export function checkMigrations(sent: unknown): void {
  if (sent === undefined) return;
  const parsed = Migrations.safeParse(sent);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DoError("INVALID_ARGUMENT", `metadata: migrations: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not valid"}`);
  }
  for (const step of [parsed.data, ...(parsed.data.steps ?? [])]) {
    for (const kind of ["deleted_classes", "renamed_classes", "transferred_classes"] as const) {
      if (step[kind] === undefined || (Array.isArray(step[kind]) && step[kind].length === 0)) continue;
      throw new DoError("UNSUPPORTED", `Cannot migrate by ${kind}: only new_classes and new_sqlite_classes can be said`, {
        reason: "DURABLE_OBJECT_MIGRATION",
      });
    }
  }
}
