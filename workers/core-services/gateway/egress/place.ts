import { isIP } from "node:net";
import { isInNetworks } from "../../auth/address.ts";

/** What of IPv4 is not one place that everybody can reach (RFC 6890 and the registry it began). */
const NOT_PUBLIC_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/** Of IPv6 all is private but this, and of this what holds an address of IPv4 or is nobody's. */
const PUBLIC_V6 = ["2000::/3"];
const NOT_PUBLIC_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16"];

/** Names that a machine or a house gives itself (RFC 6761, 6762, 8375, and what is found in offices). */
const PRIVATE_NAME =
  /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|onion|home\.arpa|in-addr\.arpa|ip6\.arpa)$/;

/** The host of a URL, as URLs spell it, without the brackets of IPv6 and the dot that ends a full name. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname.replace(/\.$/, "");
}

export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}

/**
 * Whether a host, as `hostOf` has it, may be one that everybody can reach. For a name that is all that can be said
 * without asking: where it leads is for the network service to see, each time it connects.
 */
export function isPublicHost(host: string): boolean {
  const family = isIP(host);
  if (family === 4) return !isInNetworks(host, NOT_PUBLIC_V4);
  // An address of IPv4 that is written as IPv6 is judged as what it is.
  if (family === 6 && isInNetworks(host, ["0.0.0.0/0"])) return !isInNetworks(host, NOT_PUBLIC_V4);
  if (family === 6) return isInNetworks(host, PUBLIC_V6) && !isInNetworks(host, NOT_PUBLIC_V6);
  return /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/.test(host) && !PRIVATE_NAME.test(host);
}
