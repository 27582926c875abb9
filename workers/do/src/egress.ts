/**
 * What code may reach of the network: nothing. Written down, because a `globalOutbound` that is left out means the
 * whole network of the host. Rules for code with network come with the gateway; they will replace this value.
 */
export const NO_EGRESS = null;
