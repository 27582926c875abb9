import type { Limits } from "../../../../sdk/src/types.ts";
import type { Live } from "../../../core-services/gateway/functions/engine.ts";
import type { Via } from "../capabilities.ts";
import { DoError } from "../errors.ts";
import type { ExecuteDeps, Parent } from "../executor/execute.ts";
import type { RequestHead } from "../executor/guest/function-protocol.ts";
import type { FunctionResponse } from "./host.ts";
import type { Turns } from "../executor/budget.ts";
import type { Outbound } from "./outbound.ts";
import { runFunction, type CalledObject, type FunctionEnd } from "./run.ts";

export interface FunctionFetch {
  readonly tenant: string;
  readonly live: Live;
  readonly request: RequestHead;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Whose fetch() it is; without it, the default export's. */
  readonly entrypoint?: string | undefined;
  readonly props: unknown;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly outbound: Outbound | undefined;
  readonly limits: Partial<Limits>;
  readonly via: Via;
  readonly parent: Parent | undefined;
  readonly turns?: Turns | undefined;
  /** Ends the call where it is. */
  readonly signal?: AbortSignal | undefined;
  /** An object of the function, in its place. */
  readonly object?: CalledObject | undefined;
}

/**
 * Asks a function with a request. Settles when the answer's head is there; its body comes while the function runs on,
 * within its limits.
 * @throws DoError for an end without an answer
 */
export async function fetchFunction(
  deps: ExecuteDeps,
  asked: FunctionFetch,
): Promise<{ response: FunctionResponse; executionId: string; ended: Promise<FunctionEnd> }> {
  const { request, live, parent, entrypoint = "default", ...rest } = asked;
  const answered = Promise.withResolvers<{ response: FunctionResponse; executionId: string }>();
  const { pathname } = new URL(request.url);
  const ended = runFunction(
    deps,
    {
      ...rest,
      live,
      call: { kind: "fetch", entrypoint: asked.object?.entrypoint ?? entrypoint, request },
      label: `${request.method} ${pathname}`,
      onResponse: (response, executionId) => answered.resolve({ response, executionId }),
    },
    parent,
  );
  // It goes on when who asked goes away, to its end and its record.
  deps.waitUntil(ended.catch(() => undefined));
  const withoutAnswer = ended.then((end): never => {
    end.check();
    throw new DoError("UPSTREAM", `${live.name}: it ended without an answer`, { reason: "FUNCTION_NO_ANSWER" });
  });
  withoutAnswer.catch(() => undefined);
  return { ...(await Promise.race([answered.promise, withoutAnswer])), ended };
}
