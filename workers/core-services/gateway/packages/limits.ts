/** Numbers of the package store. Each has a row in docs/limits.md. */
export const PACKAGE_LIMITS = {
  /** Versions of packages. */
  packages: 2_000,
  tarballBytes: 8 * 1024 * 1024,
  /** Of a tarball, and of what of it is code. */
  unpackedBytes: 64 * 1024 * 1024,
  codeBytes: 16 * 1024 * 1024,
  files: 10_000,
  /** All packages that one function has, with what they need themselves. */
  neededBytes: 24 * 1024 * 1024,
} as const;
