import { Hono } from "hono";
import type { ExecutionState } from "../../../../../sdk/src/types.ts";
import { DoError } from "../../errors.ts";
import { Session } from "../../session.ts";
import type { HttpEnv } from "../env.ts";

export const executions = new Hono<HttpEnv>()
  .get("/executions", async (c) => {
    const { limit, cursor, state, ...rest } = c.req.query();
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) {
      throw new DoError(
        "INVALID_ARGUMENT",
        `Cannot list executions: there is no parameter "${unknown.slice(0, 64)}"; there are limit, cursor, state`,
      );
    }
    const options = {
      ...(limit === undefined ? {} : { limit: Number(limit) }),
      ...(cursor === undefined ? {} : { cursor }),
      // Checked by list(), as all of it is.
      ...(state === undefined ? {} : { state: state as ExecutionState }),
    };
    return c.json(await Session.executionsOf(c.var.caller).list(options));
  })
  .get("/executions/:id", async (c) => c.json(await Session.executionsOf(c.var.caller).get(c.req.param("id"))))
  .delete("/executions/:id", async (c) => c.json(await Session.executionsOf(c.var.caller).cancel(c.req.param("id"))));
