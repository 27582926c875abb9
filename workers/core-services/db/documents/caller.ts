/** On whose behalf a call is made, as far as rules and records need it. From the host, never from an argument. */
export interface Caller {
  readonly id: string;
  readonly kind: string;
  readonly tier: string;
  readonly scopes: readonly string[];
}
