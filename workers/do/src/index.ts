export { Database } from "../../core-services/db/database.ts";
export { SqlDatabase } from "../../core-services/db/sql-database.ts";
export { default } from "./do.ts";
export { Executions } from "./executions/executions.ts";
