import * as z from "zod";
import { DoError } from "../../../errors.ts";

export type SentBinding = Readonly<Record<string, unknown>>;

/** Where a binding may come from, instead of being said again. */
export interface Earlier {
  /** The bindings of a version; `latest` is the newest. @throws DoError NOT_FOUND */
  bindingsOf(version: string): Promise<readonly SentBinding[]>;
  /** Names of the secrets that the script has, which are its own and of no version. */
  secrets(): Promise<readonly string[]>;
}

const Inherit = z.strictObject({
  type: z.literal("inherit"),
  name: z.string(),
  old_name: z.string().optional(),
  version_id: z.string().optional(),
});

/**
 * The bindings that are meant: those that are inherited by name in full, and of the types to be kept those that are
 * not said anew. Secrets stay by themselves.
 * @throws DoError INVALID_ARGUMENT for what there is nothing to inherit of
 */
export async function withInherited(sent: readonly SentBinding[], keptTypes: readonly string[], earlier: Earlier): Promise<SentBinding[]> {
  const said: SentBinding[] = [];
  for (const binding of sent) {
    // oxlint-disable-next-line no-await-in-loop -- there are few, and most are looked up in nothing
    const meant = binding["type"] === "inherit" ? await inherited(binding, earlier) : binding;
    if (meant) said.push(meant);
  }
  if (keptTypes.length === 0) return said;
  const names = new Set(sent.map(({ name }) => name));
  const latest = await earlier.bindingsOf("latest");
  return [...said, ...latest.filter(({ type, name }) => keptTypes.includes(String(type)) && !names.has(name))];
}

/** Undefined for a secret: it is there without being said. */
async function inherited(sent: SentBinding, earlier: Earlier): Promise<SentBinding | undefined> {
  const parsed = Inherit.safeParse(sent);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DoError(
      "INVALID_ARGUMENT",
      `A binding that is inherited: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not valid"}`,
    );
  }
  const { name, old_name: from = name, version_id: version = "latest" } = parsed.data;
  const there = await earlier.bindingsOf(version);
  const found = there.find((binding) => binding["name"] === from);
  if (found) return { ...found, name };
  if (from === name && (await earlier.secrets()).includes(name)) return undefined;
  const known = there.map((binding) => String(binding["name"])).join(", ") || "none";
  throw new DoError("INVALID_ARGUMENT", `There is no binding "${from.slice(0, 64)}" to inherit; the version has ${known}`, {
    reason: "NOTHING_TO_INHERIT",
  });
}
