/** The bindings of wrangler.jsonc and of the host's workerd configuration: the two must name the same. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("./index.ts");
    durableNamespaces: "Database" | "Executions";
  }
  interface Env {
    LOADER: WorkerLoader;
    DATABASE: DurableObjectNamespace<import("../../core-services/db/database.ts").Database>;
    EXECUTIONS: DurableObjectNamespace<import("./executions/executions.ts").Executions>;
    /** Absent: every credential is refused. */
    DO_ROOT_KEY?: string;
    /** Present when nobody but the host's ingress can reach this Worker: its `x-do-*` headers are believed. */
    DO_TRUSTED_INGRESS?: string;
  }
}

/** Bytes of a file of the build (wrangler `rules`, esbuild loader `binary`). */
declare module "*.wasm" {
  const bytes: ArrayBuffer;
  export default bytes;
}
