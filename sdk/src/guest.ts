import type { Services } from "./services.ts";
import type { ExecuteRequest, ExecutionAnswer, WhoAmI } from "./types.ts";

/** The self-binding of running code: the services that it was granted, and code of its own. */
export interface GuestDo extends Services {
  /** Runs other code, within the budget of this execution. */
  execute(request: ExecuteRequest): Promise<ExecutionAnswer>;
  whoami(): Promise<WhoAmI>;
}

/**
 * What code that do runs is called with. A module says what it takes:
 *
 *     import type { GuestContext } from "do";
 *     export default async ({ db, input }: GuestContext<{ id: string }>) => db.get("orders", input.id);
 *
 * A service that the policy does not grant is absent when the code runs, whatever its type says.
 */
export interface GuestContext<Input = unknown> extends Services {
  readonly input: Input;
  readonly env: { readonly DO: GuestDo };
  /** Aborted when the execution must end; the code has a moment left then. */
  readonly signal: AbortSignal;
}
