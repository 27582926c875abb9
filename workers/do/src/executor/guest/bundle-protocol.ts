/** Between the bundler and who asks it; types alone. */
export type { Bundled, BundleRequest, BundlePackage, ModuleFile } from "../../../../core-services/gateway/functions/engine.ts";
