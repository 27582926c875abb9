import { join } from "node:path";
import { bundle, ROOT } from "../../host/src/bundle.ts";

export const BUNDLE_DIR = join(ROOT, "dist/host");

/** The Worker's bundle, made once, before the tests that start a host. */
export default function setup(): Promise<void> {
  return bundle(BUNDLE_DIR);
}
