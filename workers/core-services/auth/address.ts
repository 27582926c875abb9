import { isIP } from "node:net";

/** A network: an address, and how many of its bits count. `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** Whether `address` is in one of `networks`. An IPv4 address that is written as IPv6 is the IPv4 address. */
export function isInNetworks(address: string, networks: readonly string[]): boolean {
  const at = bitsOf(address);
  return (
    at !== undefined &&
    networks.some((text) => {
      const network = parseNetwork(text);
      if (!network || network.width !== at.width) return false;
      const shift = BigInt(at.width - network.prefix);
      return at.value >> shift === network.value >> shift;
    })
  );
}

interface Bits {
  readonly width: 32 | 128;
  readonly value: bigint;
}

function parseNetwork(text: string): (Bits & { readonly prefix: number }) | undefined {
  const [, address = "", length] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bits = bitsOf(address);
  if (!bits) return undefined;
  const prefix = length === undefined ? bits.width : Number(length);
  return prefix <= bits.width ? { ...bits, prefix } : undefined;
}

function bitsOf(address: string): Bits | undefined {
  const family = isIP(address);
  if (family === 4) return { width: 32, value: ipv4(address) };
  if (family !== 6 || address.includes("%")) return undefined;
  const value = ipv6(address);
  const isMapped = value >> 32n === 0xffffn;
  return isMapped ? { width: 32, value: value & 0xffffffffn } : { width: 128, value };
}

function ipv4(address: string): bigint {
  return address.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function ipv6(address: string): bigint {
  // The last 32 bits may be written as IPv4.
  const tail = /(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  const low = tail === undefined ? undefined : ipv4(tail);
  const text =
    tail === undefined || low === undefined
      ? address
      : address.slice(0, -tail.length) + `${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  const [head = "", rest] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const [before, after] = [groups(head), rest === undefined ? [] : groups(rest)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
