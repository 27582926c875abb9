import type { Command } from "commander";
import { UsageError } from "./exit.ts";

/** What every command knows. */
export interface Globals {
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly json: boolean;
}

export function readGlobals(command: Command): Globals {
  const { url, key, json } = command.optsWithGlobals<{ url?: string; key?: string; json?: boolean }>();
  // A variable that is set to nothing is not set.
  return { url: checkUrl(url || undefined), key: key || undefined, json: json ?? false };
}

function checkUrl(url: string | undefined): string | undefined {
  if (url === undefined || (URL.canParse(url) && /^https?:/i.test(url))) return url;
  throw new UsageError("the URL of the server (--url or DO_URL) must start with http:// or https://");
}
