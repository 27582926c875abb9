/**
 * The smallest module: `doer run examples/hello.ts --input '{"name":"Ada"}'`
 */
import type { GuestContext } from "../sdk/src/index.ts";

export default ({ input }: GuestContext<{ name?: string } | undefined>): string => {
  console.log("called with", input);
  return `Hello, ${input?.name ?? "world"}!`;
};
