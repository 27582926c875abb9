import type { ObjectName } from "../../../core-services/gateway/functions/objects.ts";
import { sha256 } from "../../../core-services/shared/hash.ts";

/** Of a function's objects: names from outside are in it as parts of a hash, so none can be another's, or a path. */
export function homeKeyOf(tenant: string, home: string): string {
  return sha256("home", tenant, home);
}

/** Of one object, among all that there are. */
export function objectKeyOf(tenant: string, home: string, { entrypoint, name }: ObjectName): string {
  return sha256("object", tenant, home, entrypoint, name);
}
