export { Database } from "../../core-services/db/database.ts";
export { default } from "./do.ts";
export { Executions } from "./executions/executions.ts";
