import type { Session } from "../session.ts";

/** What a route has: who asks, and under which id. */
export interface HttpEnv {
  Bindings: { session: Session; requestId: string; url: URL };
  Variables: { caller: Session };
}
