import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { PACKAGE_LIMITS } from "../packages/limits.ts";
import { Integrity, PackageId, PackageName, PackageVersion } from "../packages/names.ts";

const PackageInfo = z.object({
  id: PackageId,
  name: PackageName,
  version: PackageVersion,
  integrity: Integrity,
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
  files: z.int(),
  bytes: z.int(),
  dependencies: z.record(z.string(), z.string()),
  current: z.boolean().meta({ description: "Whether functions that import the name get this one" }),
});

const TARBALL_CHARACTERS = Math.ceil(PACKAGE_LIMITS.tarballBytes / 3) * 4;
const AddOptions = z.strictObject({
  integrity: Integrity.optional().meta({ description: "What the tarball must be" }),
  dependencies: z
    .record(PackageName, PackageId)
    .optional()
    .meta({ description: "What it imports by which name; they may be added before or after it" }),
  current: z.boolean().optional().meta({ description: "Default true; false for one that only other packages need" }),
});

const ofPackages = () => "packages";

export const packageMethods = {
  addPackage: defineMethod({
    summary: "Puts a package of npm's form, as a tarball in base64, into the store. For the operator",
    access: "write",
    params: [
      ["tarball", z.string().max(TARBALL_CHARACTERS, `must be at most ${PACKAGE_LIMITS.tarballBytes} bytes in base64`)],
      ["options", AddOptions.optional()],
    ],
    result: z.object({ package: PackageInfo, created: z.boolean().meta({ description: "False for one that was there" }) }),
    resource: ofPackages,
  }),
  listPackages: defineMethod({
    summary: "The packages that functions may import",
    access: "read",
    params: [],
    result: z.object({ items: z.array(PackageInfo) }),
    resource: ofPackages,
  }),
  removePackage: defineMethod({
    summary: "Takes a package out of the store; functions keep what they were made of. For the operator",
    access: "write",
    params: [["id", PackageId]],
    result: z.object({ removed: z.boolean() }),
    resource: ofPackages,
  }),
};
