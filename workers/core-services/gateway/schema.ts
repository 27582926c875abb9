import { defineService } from "../shared/method.ts";
import { egressMethods } from "./schema/egress.ts";
import { routeMethods } from "./schema/routes.ts";

/** The resource of a method's scope says what it is about: `egress`, `routes/<name>`. */
export const gatewayDefinition = defineService({
  name: "gateway",
  summary: "Saved functions, routes, and what may leave",
  methods: {
    ...egressMethods,
    ...routeMethods,
  },
});
