import "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    /** An HTTP server of this machine that no code may reach (canary.ts). */
    canaryUrl: string;
    /** The vectors of wycheproof.ts. */
    wycheproof: unknown[];
  }
}
