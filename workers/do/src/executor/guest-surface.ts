import type { ExecutionAnswer, WhoAmI } from "../../../../sdk/src/types.ts";
import type { Authority } from "../capabilities.ts";
import { Services } from "../service-stubs.ts";
import { whoAmI } from "../policy.ts";
import { decodeAnswer } from "../../../../sdk/src/answer.ts";
import type { ExecutionMeter } from "./budget.ts";

/**
 * What code gets as `env.DO`: the same surface as a Session, limited to what the execution was granted, and dead when
 * the execution is. It cannot authenticate, and it has no fetch of its own.
 */
export class GuestSurface extends Services {
  readonly #authority: Authority & { readonly meter: ExecutionMeter };
  readonly #execute: (request: unknown) => Promise<string>;

  constructor(
    env: Cloudflare.Env,
    authority: Authority & { readonly meter: ExecutionMeter },
    execute: (request: unknown) => Promise<string>,
  ) {
    super(env, authority);
    this.#authority = authority;
    this.#execute = execute;
  }

  /** Runs code from code, within the root's budget. */
  async execute(request: unknown): Promise<ExecutionAnswer> {
    this.#authority.meter.take("write");
    return decodeAnswer(JSON.parse(await this.#execute(request)));
  }

  async whoami(): Promise<WhoAmI> {
    return whoAmI(this.#authority.principal, this.#authority.policy);
  }
}
