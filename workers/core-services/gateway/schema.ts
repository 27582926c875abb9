import { defineService } from "../shared/method.ts";
import { egressMethods } from "./schema/egress.ts";
import { functionMethods } from "./schema/functions.ts";
import { packageMethods } from "./schema/packages.ts";
import { routeMethods } from "./schema/routes.ts";

/**
 * The resource of a method's scope says what it is about: `functions/<name>` to look after one, `invoke/<name>` to call
 * it, `secrets/<name>`, `variables/<name>`, `packages`, `routes/<name>`, `egress`. `gateway:write:invoke/*` is to call functions and nothing else.
 */
export const gatewayDefinition = defineService({
  name: "gateway",
  summary: "Saved functions, routes, and what may leave",
  methods: {
    ...functionMethods,
    ...packageMethods,
    ...routeMethods,
    ...egressMethods,
  },
});
