declare module "esbuild.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
