/** The bindings of wrangler.jsonc and of the host's workerd configuration: the two must name the same. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("./index.ts");
    durableNamespaces: "Database" | "SqlDatabase" | "Executions";
  }
  interface Env {
    LOADER: WorkerLoader;
    DATABASE: DurableObjectNamespace<import("../../core-services/db/database.ts").Database>;
    SQL_DATABASE: DurableObjectNamespace<import("../../core-services/db/sql-database.ts").SqlDatabase>;
    EXECUTIONS: DurableObjectNamespace<import("./executions/executions.ts").Executions>;
    /** Absent: every credential is refused. */
    DO_ROOT_KEY?: string;
  }
}

/** Bytes of a file of the build (wrangler `rules`, esbuild loader `binary`). */
declare module "*.wasm" {
  const bytes: ArrayBuffer;
  export default bytes;
}
