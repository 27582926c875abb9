export { Accounts } from "../../core-services/auth/accounts.ts";
export { AuthorizationServer } from "../../core-services/auth/oauth/authorization-server.ts";
export { Realm } from "../../core-services/auth/realm.ts";
export { Database } from "../../core-services/db/database.ts";
export { SqlDatabase } from "../../core-services/db/sql-database.ts";
export { default } from "./do.ts";
export { Egress } from "./egress.ts";
export { Executions } from "./executions/executions.ts";
