/** Between the bundler and who asks it; types alone. */
export type { Bundled, BundleRequest, BundlePackage } from "../../../../core-services/gateway/functions/engine.ts";
