import { DurableObject } from "cloudflare:workers";
import { OAuthAuthorizationServer, type ClientInfo, type OAuthHelpers } from "@cloudflare/workers-oauth-provider";
import { newId } from "../../shared/ids.ts";
import { accountsOf } from "../accounts.ts";
import { configOf } from "../config.ts";
import { FLUSH_MS, Gates } from "../realm/gates.ts";
import { realmOf } from "../realm.ts";
import type { Remote } from "../remote.ts";
import { ClientDocuments } from "./client-documents.ts";
import { authorize, grantUserId, type GrantProps } from "./consent.ts";
import { Records } from "./records.ts";
import { SCOPES_OFFERED } from "./scopes.ts";
import { Turns } from "./turns.ts";
import { wayOutOf } from "../../shared/networks.ts";

/** What the library finds its records by. */
interface LibraryEnv {
  readonly OAUTH_KV: Records;
}

export interface OAuthToken {
  readonly userId: string;
  readonly tenant: string;
  readonly scopes: string[];
  readonly grantId: string;
  readonly clientId: string;
  readonly expiresMs: number;
}

export interface GrantInfo {
  id: string;
  userId: string;
  clientId: string;
  scopes: string[];
  createdAt: string;
}

const ACCESS_TOKEN_SECONDS = 900;
const REFRESH_TOKEN_SECONDS = 2_592_000;
const CLIENT_SECONDS = 7_776_000;
/** Anyone may ask; by all, and by one address where it is known. */
const REGISTRATIONS = { limit: 30, windowMs: 60_000 };
const TOKEN_REQUESTS = { limit: 3_000, windowMs: 60_000 };
const TOKEN_REQUESTS_OF_ADDRESS = { limit: 300, windowMs: 60_000 };
const MAX_ISSUERS = 10;

const BUCKETS_TABLE = "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, tat_ms REAL NOT NULL) STRICT, WITHOUT ROWID;";

/**
 * The OAuth 2.1 authorization server of this deployment: the library, with its records beside it. There is one object of
 * this class, and it answers one request for a token after the other, so that a code is good once.
 */
export class AuthorizationServer extends DurableObject {
  readonly #records: LibraryEnv;
  readonly #gates: Gates;
  readonly #documents = new ClientDocuments();
  readonly #servers = new Map<string, OAuthAuthorizationServer<LibraryEnv>>();
  readonly #turns = new Turns();
  #flushing = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    sql.exec(BUCKETS_TABLE);
    this.#gates = new Gates(sql);
    const { loopbackOrigins } = configOf(env.DO_CONFIG);
    this.#records = {
      OAUTH_KV: new Records(sql, (url) => this.#documents.resolve(url, { egress: wayOutOf(env, loopbackOrigins), loopbackOrigins })),
    };
  }

  /** A request to one of the endpoints, at the issuer that it names in `x-do-issuer`, from the address in `x-do-address`: headers of the host. */
  override async fetch(request: Request): Promise<Response> {
    const issuer = request.headers.get("x-do-issuer") ?? "";
    const address = request.headers.get("x-do-address") ?? undefined;
    const url = new URL(issuer + new URL(request.url).pathname + new URL(request.url).search);
    const server = this.#server(issuer);
    switch (url.pathname) {
      case "/authorize":
        return authorize(new Request(url, request), {
          api: server.getOAuthApi(this.#records),
          accounts: accountsOf(this.env),
          realmOf: (tenant) => realmOf(this.env, tenant),
          now: Date.now,
          address,
          requestId: request.headers.get("x-do-request-id") ?? newId("req", Date.now()),
        });
      case "/register":
        return this.#counted("register", REGISTRATIONS, address, () =>
          server.fetch(new Request(url, request), this.#records, this.#context()),
        );
      case "/revoke":
        // The library takes both at one place, and tells them apart by what they hold.
        url.pathname = "/token";
        return this.#forTokens(address, () => server.fetch(new Request(url, request), this.#records, this.#context()));
      case "/token":
        return this.#forTokens(address, () => server.fetch(new Request(url, request), this.#records, this.#context()));
      default:
        return this.#metadata(await server.fetch(new Request(url, request), this.#records, this.#context()), issuer);
    }
  }

  /** Whom an access token stands for, if it is good at this resource. */
  async validateToken(issuer: string, resource: string, token: string): Promise<OAuthToken | null> {
    const valid = await this.#server(issuer).validateToken<GrantProps>(resource, token, this.#records);
    if (!valid) return null;
    const { props, scope, clientId, expiresAt } = valid;
    const [, grantId = ""] = token.split(":");
    return { userId: props.userId, tenant: props.tenant, scopes: scope, grantId, clientId, expiresMs: expiresAt * 1_000 };
  }

  async listGrants(issuer: string, userId: string, tenant: string): Promise<GrantInfo[]> {
    const { items } = await this.#api(issuer).listUserGrants(await this.#grantUserId(userId, tenant));
    return items.map((grant) => ({
      id: grant.id,
      userId,
      clientId: grant.clientId,
      scopes: grant.scope,
      createdAt: new Date(grant.createdAt * 1_000).toISOString(),
    }));
  }

  async revokeGrant(issuer: string, userId: string, tenant: string, grantId: string): Promise<boolean> {
    const grants = await this.listGrants(issuer, userId, tenant);
    if (!grants.some(({ id }) => id === grantId)) return false;
    await this.#api(issuer).revokeGrant(grantId, await this.#grantUserId(userId, tenant));
    return true;
  }

  createClient(issuer: string, client: Partial<ClientInfo>): Promise<ClientInfo> {
    return this.#api(issuer).createClient(client);
  }
  async listClients(issuer: string, limit: number, cursor: string | undefined): Promise<{ items: ClientInfo[]; cursor?: string }> {
    const page = await this.#api(issuer).listClients({ limit, ...(cursor === undefined ? {} : { cursor }) });
    return { items: page.items, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
  }
  async deleteClient(issuer: string, clientId: string): Promise<boolean> {
    const api = this.#api(issuer);
    if (!(await api.lookupClient(clientId))) return false;
    await api.deleteClient(clientId);
    return true;
  }

  #api(issuer: string): OAuthHelpers {
    return this.#server(issuer).getOAuthApi(this.#records);
  }

  #grantUserId(userId: string, tenant: string): Promise<string> {
    return grantUserId({ accounts: accountsOf(this.env) }, userId, tenant);
  }

  #server(issuer: string): OAuthAuthorizationServer<LibraryEnv> {
    const known = this.#servers.get(issuer);
    if (known) return known;
    const server = new OAuthAuthorizationServer<LibraryEnv>({
      issuer,
      authorizeEndpoint: "/authorize",
      tokenEndpoint: "/token",
      clientRegistrationEndpoint: "/register",
      resources: [issuer, `${issuer}/mcp`],
      defaultResource: issuer,
      scopesSupported: SCOPES_OFFERED,
      allowTokenExchangeGrant: true,
      accessTokenTTL: ACCESS_TOKEN_SECONDS,
      refreshTokenTTL: REFRESH_TOKEN_SECONDS,
      refreshTokenIdleTTL: REFRESH_TOKEN_SECONDS,
      clientRegistrationTTL: CLIENT_SECONDS,
      // What is refused is told to who asked; it is no event of the operator's.
      onError: () => undefined,
    });
    if (this.#servers.size >= MAX_ISSUERS) this.#servers.clear();
    this.#servers.set(issuer, server);
    return server;
  }

  /** One after the other: the library reads a grant, and writes it, with time in between. */
  #forTokens(address: string | undefined, run: () => Promise<Response>): Promise<Response> {
    return this.#counted("token", TOKEN_REQUESTS, address, () => this.#turns.take(run));
  }

  async #counted(
    name: string,
    rate: { limit: number; windowMs: number },
    address: string | undefined,
    run: () => Promise<Response>,
  ): Promise<Response> {
    const ofAddress = address === undefined ? [] : [{ name: "address", key: `${name}:${address}`, ...TOKEN_REQUESTS_OF_ADDRESS }];
    const { admitted, retryAfterMs } = this.#gates.take([{ name, key: name, ...rate }, ...ofAddress], 1, Date.now());
    this.#flushLater();
    if (admitted) return run();
    return Response.json(
      { error: "temporarily_unavailable", error_description: "Too many requests" },
      { status: 429, headers: { "retry-after": String(Math.ceil(retryAfterMs / 1_000)), "cache-control": "no-store" } },
    );
  }

  /** What the library does not know of: the documents of clients are read here, and tokens are looked into over there. */
  async #metadata(response: Response, issuer: string): Promise<Response> {
    if (!response.ok) return response;
    const metadata = await response.json<object>();
    return Response.json(
      {
        ...metadata,
        revocation_endpoint: `${issuer}/revoke`,
        introspection_endpoint: `${issuer}/introspect`,
        client_id_metadata_document_supported: true,
      },
      { headers: { "cache-control": "public, max-age=300" } },
    );
  }

  #context(): ExecutionContext {
    const context = { waitUntil: (work: Promise<unknown>) => this.ctx.waitUntil(work), passThroughOnException: () => undefined, props: {} };
    return context as unknown as ExecutionContext;
  }

  #flushLater(): void {
    if (this.#flushing || !this.#gates.isDirty) return;
    this.#flushing = true;
    this.ctx.waitUntil(
      scheduler.wait(FLUSH_MS).then(() => {
        this.#flushing = false;
        this.#gates.flush(Date.now());
      }),
    );
  }
}

export function authorizationServerOf(env: Cloudflare.Env): Remote<AuthorizationServer> {
  return env.OAUTH.getByName("oauth");
}
