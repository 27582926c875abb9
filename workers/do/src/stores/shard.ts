/** FNV-1a. The same for ever: a tenant is found where it was put. */
export function shardOf(tenant: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(tenant)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % shards;
}
