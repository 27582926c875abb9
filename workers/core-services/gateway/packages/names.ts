import * as z from "zod";

const NAME = "(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*";
const VERSION = "[0-9]+\\.[0-9]+\\.[0-9]+(?:[-+][A-Za-z0-9.+-]{1,128})?";

/** As npm names packages that are new. */
export const PackageName = z
  .string()
  .max(214)
  .regex(new RegExp(`^${NAME}$`), "must be the name of a package: zod, @scope/name");

/** `zod@4.6.7`: what one package in the store is called. */
export const PackageId = z
  .string()
  .max(400)
  .regex(new RegExp(`^${NAME}@${VERSION}$`), "must be a package and its version: zod@4.6.7");

export const PackageVersion = z
  .string()
  .max(180)
  .regex(new RegExp(`^${VERSION}$`), "must be a version: 4.6.7");

/** Subresource Integrity, as a lock file of npm has it. */
export const Integrity = z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/, "must be sha512- and 88 characters of base64");
