declare module "esbuild.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare namespace CloudflareWorkersModule {
  /** Ends the isolate that calls it, whatever its code does about it. In workerd since 2026; not in the types yet. */
  export function abortIsolate(reason: string): never;
}
