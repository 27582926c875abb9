import type { GatewayService, PackageInfo } from "../../gateway.ts";
import { UsageError } from "../exit.ts";
import { fromPlace, fromRegistry, type Tarball } from "./npm.ts";

export interface Added {
  readonly package: PackageInfo;
  readonly created: boolean;
}

/** Adds packages with all that they need. What they need is not what a function gets by its name, unless there is no other. */
export async function addPackages(gateway: GatewayService, specs: readonly string[], integrity: string | undefined): Promise<Added[]> {
  const resolved = new Map<string, Tarball>();
  const isPlace = (spec: string) => /^https?:|\.tgz$|\.tar\.gz$/.test(spec);
  const places = await Promise.all(specs.filter(isPlace).map((place) => fromPlace(place)));
  const named = specs.filter((spec) => !isPlace(spec));
  const roots = [...places, ...(named.length > 0 ? await fromRegistry(named) : [])];
  const other = roots.find((tarball) => integrity !== undefined && tarball.integrity !== integrity);
  if (other) throw new UsageError(`${other.id} has the integrity ${other.integrity}, and not ${integrity}`);
  for (let wanted = specsOf(roots, resolved); wanted.length > 0; wanted = specsOf([...resolved.values()], resolved)) {
    // oxlint-disable-next-line no-await-in-loop -- what these need is known when they are there
    const found = await fromRegistry(wanted);
    for (const [i, spec] of wanted.entries()) if (found[i]) resolved.set(spec, found[i]);
  }
  const all = new Map([...resolved.values(), ...roots].map((tarball) => [tarball.id, tarball]));
  const added: Added[] = [];
  for (const tarball of all.values()) {
    const dependencies = Object.fromEntries(
      Object.entries(tarball.wants).map(([name, range]) => [name, resolved.get(`${name}@${range}`)?.id ?? ""]),
    );
    const options = { integrity: tarball.integrity, dependencies, current: roots.includes(tarball) };
    // oxlint-disable-next-line no-await-in-loop -- what is needed is there before what needs it, should this end
    added.push(await gateway.addPackage(Buffer.from(tarball.bytes).toString("base64"), options));
  }
  return added;
}

/** What is not there yet of what these need. */
function specsOf(tarballs: readonly Tarball[], resolved: ReadonlyMap<string, Tarball>): string[] {
  const specs = tarballs.flatMap(({ wants }) => Object.entries(wants).map(([name, range]) => `${name}@${range}`));
  return [...new Set(specs)].filter((spec) => !resolved.has(spec));
}
