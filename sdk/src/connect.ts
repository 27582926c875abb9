import { BindingTransport, type Binding } from "./binding.ts";
import { DoError } from "./errors.ts";
import { HttpTransport } from "./http/transport.ts";
import { sessionOver, type Session } from "./session.ts";
import type { Transport } from "./transport.ts";

/** Where do is: its URL, or the service binding of a Worker (`env.DO`). */
export type Target = string | URL | Binding;

/**
 * Opens a session. Nothing is sent before its first use: a credential that is not valid shows then.
 *
 *     const session = connect("http://127.0.0.1:8787", process.env.DO_KEY);
 *     const { result } = await session.execute({ code: "return 6 * 7" });
 *
 * @param credential an API key or token; a binding whose props name a principal needs none
 * @throws DoError INVALID_ARGUMENT for a target or a credential that cannot be one
 */
export function connect(target: Target, credential?: string): Session {
  return sessionOver(transportTo(target, checkCredential(credential)));
}

function transportTo(target: Target, credential: string | undefined): Transport {
  if (typeof target === "string") return new HttpTransport(parseUrl(target), credential);
  // Asked for by their members: a URL may come from another realm, and a binding has no prototype to know it by and
  // answers to every name with a callable stub.
  if ("href" in target && typeof target.href === "string") return new HttpTransport(parseUrl(target.href), credential);
  if ("authenticate" in target && typeof target.authenticate === "function") return new BindingTransport(target, credential);
  throw new DoError("INVALID_ARGUMENT", "Cannot connect: the target must be a URL or a service binding of do");
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new DoError("INVALID_ARGUMENT", "Cannot connect: the URL must start with http:// or https://");
  }
  // Said without the URL, which holds the secret.
  if (url.username !== "" || url.password !== "") {
    throw new DoError("INVALID_ARGUMENT", "Cannot connect: the URL must hold no user or password; pass the credential apart");
  }
  return url;
}

/** Checked here, because the error of a header that cannot be sent would quote it. */
function checkCredential(credential: string | undefined): string | undefined {
  if (credential === undefined || /^[\x21-\x7e]+$/.test(credential)) return credential;
  throw new DoError("INVALID_ARGUMENT", "Cannot connect: the credential must be printable ASCII without spaces, and not empty");
}
