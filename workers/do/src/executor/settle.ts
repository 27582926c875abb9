/** A run that was told to end, and did, is heard of within this. */
export const SETTLE_MS = 50;
