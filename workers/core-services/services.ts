import type { ServiceName } from "../../sdk/src/types.ts";
import { authDefinition } from "./auth/schema.ts";
import { dbDefinition } from "./db/schema.ts";
import { gatewayDefinition } from "./gateway/schema.ts";
import { queueDefinition } from "./queue/schema.ts";
import { scheduleDefinition } from "./schedule/schema.ts";
import type { ServiceDefinition } from "./shared/method.ts";

const NOT_YET: Record<Exclude<ServiceName, "db" | "auth" | "gateway" | "queue" | "schedule">, string> = {
  webhooks: "Signed events, in and out",
  email: "Mail, in and out",
  mcp: "Model Context Protocol, both sides",
};

/**
 * The eight services, by name. A service without methods is not built yet: each call of it answers UNSUPPORTED, from
 * the one place that calls go through (workers/do/src/capabilities.ts).
 */
export const SERVICE_DEFINITIONS: ReadonlyMap<ServiceName, ServiceDefinition> = new Map<ServiceName, ServiceDefinition>([
  ["db", dbDefinition],
  ["auth", authDefinition],
  ["gateway", gatewayDefinition],
  ["schedule", scheduleDefinition],
  ["queue", queueDefinition],
  ...Object.entries(NOT_YET).map(([name, summary]): [ServiceName, ServiceDefinition] => [
    name as ServiceName,
    { name: name as ServiceName, summary, methods: {} },
  ]),
]);
