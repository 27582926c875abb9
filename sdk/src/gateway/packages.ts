/** One version of a package that functions may import. */
export interface PackageInfo {
  /** `zod@4.6.7` */
  id: string;
  name: string;
  version: string;
  /** `sha512-...` of the tarball. */
  integrity: string;
  createdAt: string;
  createdBy: string;
  files: number;
  bytes: number;
  dependencies: Record<string, string>;
  /** Whether functions that import the name get this one. */
  current: boolean;
}

/** The store of packages, which the operator fills. Kept by hand; tests/unit/sdk-types.test.ts holds it to the definition of the service. */
export interface GatewayPackages {
  /**
   * @param tarball of npm's form, in base64
   * @throws DoError PRECONDITION_FAILED when it is not what `integrity` says, CONFLICT when the version is there with other contents
   */
  addPackage(
    tarball: string,
    options?: { integrity?: string | undefined; dependencies?: Record<string, string> | undefined; current?: boolean | undefined },
  ): Promise<{ package: PackageInfo; created: boolean }>;
  listPackages(): Promise<{ items: PackageInfo[] }>;
  removePackage(id: string): Promise<{ removed: boolean }>;
}
