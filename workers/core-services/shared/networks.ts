import type { WayOut } from "./guarded-fetch.ts";

type Networks = Pick<Cloudflare.Env, "EGRESS" | "EGRESS_LOOPBACK">;

/** The networks as one way out: what the operator names of this machine goes there, all else goes to public addresses only. */
export function wayOutOf({ EGRESS, EGRESS_LOOPBACK }: Networks, loopbackOrigins: readonly string[]): WayOut {
  return {
    fetch: (url, init) => (isNamed(url, loopbackOrigins) && EGRESS_LOOPBACK ? EGRESS_LOOPBACK : EGRESS).fetch(url, init),
  };
}

function isNamed(url: string, loopbackOrigins: readonly string[]): boolean {
  return URL.canParse(url) && loopbackOrigins.includes(new URL(url).origin);
}
