import { DoError } from "../../../../sdk/src/errors.ts";
import type { Remote } from "../../auth/remote.ts";
import type { Implementation, ServiceDefinition } from "../../shared/method.ts";
import type { packageMethods } from "../schema/packages.ts";
import { entrancesOf } from "./entrances.ts";
import type { Packages } from "./packages.ts";
import { unpack } from "./tarball.ts";

export interface PackagesDeps {
  readonly packages: Remote<Packages>;
  readonly caller: {
    readonly id: string;
    /** The operator's own credential; never code. */
    readonly isOperator: boolean;
  };
  readonly now: () => number;
}

type Defined = Implementation<ServiceDefinition<typeof packageMethods>>;

export function packageService({ packages, caller, now }: PackagesDeps): Defined {
  return {
    addPackage: async (tarball, { integrity, dependencies = {}, current = true } = {}) => {
      operatorOnly(caller);
      const { manifest, ...unpacked } = await unpack(tarball, integrity);
      const paths = unpacked.files.map(([path]) => path);
      return packages.add({ ...unpacked, entrances: entrancesOf(manifest, paths), dependencies }, current, caller.id, now());
    },
    listPackages: async () => ({ items: await packages.list() }),
    removePackage: (id) => {
      operatorOnly(caller);
      return packages.remove(id);
    },
  };
}

function operatorOnly({ isOperator }: PackagesDeps["caller"]): void {
  if (isOperator) return;
  throw new DoError("PERMISSION_DENIED", "Cannot change what packages there are: it is the operator's to do", { reason: "OPERATOR_ONLY" });
}
