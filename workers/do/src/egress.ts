import { WorkerEntrypoint } from "cloudflare:workers";

/**
 * What code may reach of the network: nothing. Written down, because a `globalOutbound` that is left out means the
 * whole network of the host. Rules for code with network come with the gateway; they will replace this value.
 */
export const NO_EGRESS = null;

/**
 * The way out for do itself, on Cloudflare, where a Worker's own fetch reaches public addresses only. It is bound as
 * EGRESS; on your own machine that is a network of workerd with public addresses only. It is never given to code.
 */
export class Egress extends WorkerEntrypoint {
  override fetch(request: Request): Promise<Response> {
    return fetch(request);
  }
}
