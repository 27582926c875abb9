import { describe, expect, it } from "vitest";
import { authDefinition } from "../../../workers/core-services/auth/schema.ts";
import { SERVICE_DEFINITIONS } from "../../../workers/core-services/services.ts";
import { admin, as, type Surface } from "./support.ts";

type Method = keyof typeof authDefinition.methods;

const USER = "usr_01M7YEBV9WQSQ34P2RRSS1QHFF";
const KEY = "key_01M7YEBV9WQSQ34P2RRSS1QHFF";
const SESSION = "ses_01M7YEBV9WQSQ34P2RRSS1QHFF";

/** Arguments that a method takes, whether or not what they name is there. */
const ARGUMENTS: Record<Method, readonly unknown[]> = {
  whoami: [],
  createApiKey: ["k", []],
  listApiKeys: [],
  getApiKey: [KEY],
  updateApiKey: [KEY, {}],
  revokeApiKey: [KEY],
  rotateApiKey: [KEY],
  verifyApiKey: ["nothing"],
  createRole: ["some-role", []],
  updateRole: ["some-role", {}],
  listRoles: [],
  deleteRole: ["some-role"],
  assignRole: ["viewer", KEY],
  unassignRole: ["viewer", KEY],
  grantPermission: ["db:read", KEY],
  revokePermission: ["db:read", KEY],
  getRights: [KEY],
  checkPermission: ["db:read"],
  checkPermissions: [["db:read"]],
  createUser: [`${crypto.randomUUID()}@example.test`],
  getUser: [USER],
  listUsers: [],
  updateUser: [USER, {}],
  deleteUser: [USER],
  setPassword: [USER, "correct horse battery"],
  changePassword: ["x", "correct horse battery"],
  addMember: [USER],
  listMembers: [],
  removeMember: [USER],
  signIn: ["nobody@example.test", "x"],
  refreshSession: ["nothing"],
  signOut: [],
  createSession: [USER],
  getSession: [SESSION],
  listSessions: [{ userId: USER }],
  revokeSession: [SESSION],
  revokeAllSessions: [USER],
  createTenant: ["some-tenant"],
  listTenants: [],
  updateTenant: ["some-tenant", {}],
  createTenantKey: ["some-tenant", "k", []],
  issueToken: [],
  exchangeToken: ["nothing", { scopes: [] }],
  validateToken: ["nothing"],
  introspect: ["nothing"],
  revokeToken: ["a.b.c"],
  jwks: [],
  rotateKeys: [],
  createClient: ["c", ["https://client.example/callback"]],
  listClients: [],
  deleteClient: ["nobody"],
  listGrants: [],
  revokeGrant: ["nothing"],
  listAudit: [],
};

const METHODS = Object.keys(authDefinition.methods) as Method[];

/** What is for anyone: of oneself, or with a credential among the arguments. */
const OPEN: readonly Method[] = [
  "whoami",
  "checkPermission",
  "checkPermissions",
  "changePassword",
  "signIn",
  "refreshSession",
  "signOut",
  "exchangeToken",
  "revokeToken",
  "jwks",
  "listGrants",
  "revokeGrant",
];
/** Of these, of others'. */
const OF_OTHERS: readonly Method[] = ["listSessions", "revokeSession"];

const NOT_FOR_ADMIN: readonly Method[] = [
  "createRole",
  "updateRole",
  "deleteRole",
  "assignRole",
  "unassignRole",
  "grantPermission",
  "revokePermission",
  "createTenant",
  "updateTenant",
  "createTenantKey",
  "rotateKeys",
];

/** Said once more, apart from the definitions: who may call what. */
const MAY: Record<string, readonly Method[]> = {
  owner: METHODS,
  admin: METHODS.filter((method) => !NOT_FOR_ADMIN.includes(method)),
  developer: [...OPEN, "listApiKeys", "getApiKey"],
  viewer: OPEN,
  auditor: [...OPEN, "listAudit"],
};

/** A caller with this role and nothing else, in a tenant of its own. */
async function withRole(role: string): Promise<Surface> {
  const { auth } = admin();
  const { id, key } = await auth.createApiKey(role, []);
  await auth.assignRole(role, id);
  return as(key);
}

async function isDenied(session: Surface, method: Method): Promise<boolean> {
  const call = (session.auth as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>)[method];
  try {
    await call?.(...ARGUMENTS[method]);
    return false;
  } catch (error) {
    return (error as { reason?: string }).reason === "MISSING_SCOPE";
  }
}

describe("every method of auth by every built-in role", () => {
  it("has arguments for each method", () => {
    expect(Object.keys(ARGUMENTS).toSorted()).toEqual(METHODS.toSorted());
  });

  it.each(Object.keys(MAY))("%s", async (role) => {
    const session = await withRole(role);
    const reached: Method[] = [];
    for (const method of METHODS) if (!(await isDenied(session, method))) reached.push(method);
    expect(reached.toSorted()).toEqual([...(MAY[role] ?? [])].toSorted());
  });

  it("those of others need a scope, where those of oneself do not", () => {
    expect(OF_OTHERS.filter((method) => MAY["viewer"]?.includes(method))).toEqual([]);
  });
});

describe("every method of the other services by every built-in role", () => {
  const others = [...SERVICE_DEFINITIONS.values()]
    .filter(({ name, methods }) => name !== "auth" && Object.keys(methods).length > 0)
    .flatMap(({ name, methods }) => Object.entries(methods).map(([method, { access }]) => ({ name, method, access })));

  it.each([
    ["owner", ["read", "write", "manage"]],
    ["admin", ["read", "write", "manage"]],
    ["developer", ["read", "write", "manage"]],
    ["viewer", ["read"]],
    ["auditor", []],
  ] as const)("%s may %j", async (role, may) => {
    const session = await withRole(role);
    expect(others.length).toBeGreaterThan(4);
    for (const { name, method, access } of others) {
      const { allowed } = await session.auth.checkPermission(`${name}:${access}`);
      expect([`${name}.${method}`, allowed]).toEqual([`${name}.${method}`, (may as readonly string[]).includes(access)]);
    }
    const { allowed } = await session.auth.checkPermission("executions:write");
    expect(allowed).toBe(may.includes("write" as never));
  });
});
