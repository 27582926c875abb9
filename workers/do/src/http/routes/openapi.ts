import { Hono } from "hono";
import * as z from "zod";
import { SERVICE_DEFINITIONS } from "../../../../core-services/services.ts";
import type { MethodDefinition } from "../../../../core-services/shared/method.ts";
import { STATUS_BY_CODE } from "../../../../../sdk/src/errors.ts";
import { OUTCOMES } from "../../../../../sdk/src/types.ts";
import { EXECUTE_SHAPE } from "../../executor/request.ts";
import type { HttpEnv } from "../env.ts";

type Json = Record<string, unknown>;

let made: Json | undefined;

export const openapi = new Hono<HttpEnv>().get("/openapi.json", (c) => c.json((made ??= openApiDocument())));

/** OpenAPI 3.1 of all routes; each service method comes from its one definition. */
export function openApiDocument(): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "do",
      version: "0.1.0",
      description: "Runs TypeScript that nobody has vetted, in milliseconds, next to your data.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths: { ...ROUTES, ...DB_ROUTES, ...serviceRoutes() },
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      responses: {
        Problem: {
          description: "RFC 9457 problem details",
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
      schemas: { Problem: PROBLEM, Answer: ANSWER },
    },
  };
}

const PROBLEM: Json = {
  type: "object",
  required: ["type", "title", "status", "code", "message", "retryable", "requestId"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { enum: Object.keys(STATUS_BY_CODE) },
    reason: { type: "string" },
    message: { type: "string" },
    retryable: { type: "boolean" },
    retryAfterMs: { type: "integer" },
    details: { type: "object" },
    requestId: { type: "string" },
  },
};

const number: Json = { type: "number" };

const ANSWER: Json = {
  type: "object",
  required: ["id", "success", "outcome", "logs", "cacheHit", "usage"],
  properties: {
    id: { type: "string" },
    success: { type: "boolean" },
    outcome: { enum: OUTCOMES },
    result: { description: "What the code returned, as JSON" },
    resultEncoding: {
      type: "object",
      additionalProperties: { type: "string" },
      description: "Types that JSON cannot carry, by JSON Pointer into result",
    },
    error: { type: "object" },
    logs: {
      type: "array",
      items: { type: "object", properties: { level: { type: "string" }, message: { type: "string" }, atMs: number } },
    },
    requests: { type: "array", items: { type: "object" } },
    cacheHit: { type: "boolean" },
    usage: {
      type: "object",
      properties: {
        queueMs: number,
        compileMs: number,
        wallMs: number,
        cpuMs: number,
        calls: number,
        logBytes: number,
        resultBytes: number,
      },
    },
    truncated: { type: "array", items: { type: "string" } },
  },
};

const problems: Json = { default: { $ref: "#/components/responses/Problem" } };
const json = (schema: Json): Json => ({ content: { "application/json": { schema } } });
const ok = (description: string, schema: Json): Json => ({ "200": { description, ...json(schema) }, ...problems });
const object: Json = { type: "object" };
const open: Json = { security: [] };
const idParameter: Json = { name: "id", in: "path", required: true, schema: { type: "string" } };

const ROUTES: Json = {
  "/": { get: { operationId: "about", summary: "What this is", ...open, responses: ok("About", object) } },
  "/health": { get: { operationId: "health", summary: "The process is up", ...open, responses: ok("Up", object) } },
  "/ready": { get: { operationId: "ready", summary: "It can run code: it ran some", ...open, responses: ok("Ready", object) } },
  "/auth": { get: { operationId: "whoami", summary: "Who am I: principal, tier, scopes, limits", responses: ok("The caller", object) } },
  "/openapi.json": { get: { operationId: "openapi", summary: "This document", ...open, responses: ok("OpenAPI 3.1", object) } },
  "/.well-known/jwks.json": {
    get: {
      operationId: "jwks",
      summary: "The public keys of this deployment's tokens (RFC 7517)",
      ...open,
      responses: ok("The keys", object),
    },
  },
  ...oauthRoutes(),
  "/execute": {
    post: {
      operationId: "execute",
      summary: "Runs code; with Accept: text/event-stream, as `log` and `result` events",
      requestBody: { required: true, ...json(toJsonSchema(EXECUTE_SHAPE)) },
      responses: {
        "200": {
          description: "The code was admitted; `outcome` says how it ended",
          content: {
            "application/json": { schema: { $ref: "#/components/schemas/Answer" } },
            "text/event-stream": { schema: { type: "string" } },
          },
        },
        ...problems,
      },
    },
  },
  "/executions": {
    get: {
      operationId: "listExecutions",
      summary: "Executions of the tenant, newest first",
      parameters: [
        { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 1000 } },
        { name: "cursor", in: "query", schema: { type: "string" } },
        { name: "state", in: "query", schema: { enum: ["running", "ended"] } },
      ],
      responses: ok("A page", object),
    },
  },
  "/executions/{id}": {
    get: { operationId: "getExecution", summary: "One execution", parameters: [idParameter], responses: ok("The record", object) },
    delete: {
      operationId: "cancelExecution",
      summary: "Ends a running execution",
      parameters: [idParameter],
      responses: ok("Whether it ran", object),
    },
  },
};

function oauthRoutes(): Json {
  const form: Json = { content: { "application/x-www-form-urlencoded": { schema: object } } };
  const get = (operationId: string, summary: string): Json => ({ get: { operationId, summary, ...open, responses: ok(summary, object) } });
  const post = (operationId: string, summary: string, body: Json, more: Json = open): Json => ({
    post: { operationId, summary, ...more, requestBody: { required: true, ...body }, responses: ok(summary, object) },
  });
  return {
    "/.well-known/oauth-authorization-server": get("oauthServer", "Where the OAuth endpoints are (RFC 8414)"),
    "/.well-known/oauth-protected-resource": get("oauthResource", "Who gives out tokens for this API (RFC 9728)"),
    "/.well-known/oauth-protected-resource/mcp": get("oauthResourceMcp", "Who gives out tokens for /mcp (RFC 9728)"),
    "/authorize": { ...get("authorize", "The consent page"), ...post("answer", "The answer to the consent page", form) },
    "/token": post("token", "Codes and refresh tokens for access tokens", form),
    "/revoke": post("revoke", "Ends a token (RFC 7009)", form),
    "/introspect": post("introspect", "What a token of the tenant stands for (RFC 7662)", form, {}),
    "/register": post("register", "Registers a client (RFC 7591)", json(object)),
  };
}

const stream = (type: string): Json => ({
  "200": { description: "A stream", content: { [type]: { schema: { type: "string" } } } },
  ...problems,
});
const query = (...names: string[]): Json[] => names.map((name) => ({ name, in: "query", schema: { type: "string" } }));
const named = (name: string): Json => ({ name, in: "path", required: true, schema: { type: "string" } });
const bytes: Json = { required: true, content: { "application/x-ndjson": { schema: { type: "string" } } } };

/** What of db is no JSON in one piece, and the doors that are other products' own. */
const DB_ROUTES: Json = {
  "/db/export": {
    get: {
      operationId: "dbExport",
      summary: "Documents as NDJSON, or SQL",
      tags: ["db"],
      parameters: query("collections", "format"),
      responses: stream("application/x-ndjson"),
    },
  },
  "/db/import": {
    post: {
      operationId: "dbImport",
      summary: "Writes documents from NDJSON",
      tags: ["db"],
      parameters: query("mode", "collection", "idField"),
      requestBody: bytes,
      responses: ok("How much was written", object),
    },
  },
  "/db/backup": {
    get: { operationId: "dbBackup", summary: "Everything, as NDJSON", tags: ["db"], responses: stream("application/x-ndjson") },
  },
  "/db/restore": {
    post: {
      operationId: "dbRestore",
      summary: "Puts a backup in the place of everything",
      tags: ["db"],
      requestBody: bytes,
      responses: ok("How much was restored", object),
    },
  },
  "/db/watch/{collection}": {
    get: {
      operationId: "dbWatch",
      summary: "Changes as server-sent events, or over WebSocket",
      tags: ["db"],
      parameters: [named("collection"), ...query("since", "where", "id")],
      responses: stream("text/event-stream"),
    },
  },
  "/d1/accounts/{account}/d1/database/{database}/query": {
    post: {
      operationId: "d1Query",
      summary: "As Cloudflare D1",
      tags: ["db"],
      parameters: [named("account"), named("database")],
      requestBody: { required: true, ...json(object) },
      responses: ok("As D1 answers", object),
    },
  },
  "/rest/{collection}": {
    get: {
      operationId: "restRead",
      summary: "As PostgREST; also POST, PATCH, DELETE",
      tags: ["db"],
      parameters: [named("collection")],
      responses: ok("Rows", { type: "array", items: object }),
    },
  },
};

function serviceRoutes(): Json {
  const routes: Json = {};
  for (const { name, methods } of SERVICE_DEFINITIONS.values()) {
    for (const [method, definition] of Object.entries(methods)) {
      routes[`/rpc/${name}/${method}`] = { post: operation(name, method, definition) };
    }
  }
  return routes;
}

function operation(service: string, method: string, { summary, access, params, result }: MethodDefinition): Json {
  const required = params.filter(([, shape]) => !shape.safeParse(undefined).success).map(([name]) => name);
  const byName = {
    type: "object",
    properties: Object.fromEntries(params.map(([name, shape]) => [name, toJsonSchema(shape)])),
    required,
    additionalProperties: false,
  };
  return {
    operationId: `${service}_${method}`,
    summary,
    tags: [service],
    "x-scope": `${service}:${access}`,
    requestBody: {
      required: true,
      ...json({ type: "object", properties: { params: { anyOf: [byName, { type: "array" }] } }, additionalProperties: false }),
    },
    responses: ok("The result", { type: "object", required: ["result"], properties: { result: toJsonSchema(result) } }),
  };
}

function toJsonSchema(shape: z.ZodType): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { unrepresentable: "any", io: "input" }) as Json;
  return schema;
}
