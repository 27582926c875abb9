import { AuthorizationError, type AuthRequest, type OAuthHelpers } from "@cloudflare/workers-oauth-provider";
import { DoError, toDoError } from "../../../../sdk/src/errors.ts";
import type { By } from "../actor.ts";
import { chooseTenant, proveUser, type ProveDeps } from "../service/prove-user.ts";
import { consentPage, errorPage, pageHeaders } from "./page.ts";
import { scopesAskedFor } from "./scopes.ts";

/** What a grant is about, encrypted for who holds its tokens. */
export interface GrantProps {
  readonly userId: string;
  readonly tenant: string;
}

export interface ConsentDeps extends ProveDeps {
  readonly api: OAuthHelpers;
  readonly address: string | undefined;
  readonly requestId: string;
}

const MAX_FORM_BYTES = 16_384;

/** GET shows what a client asks for; POST takes the answer of who has shown who they are. */
export async function authorize(request: Request, deps: ConsentDeps): Promise<Response> {
  try {
    const asked = await deps.api.parseAuthRequest(new Request(request.url));
    if (request.method === "GET") return await showPage(deps, asked, { status: 200, email: "", tenants: [], problem: undefined });
    return await answer(request, asked, deps);
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error;
    // Where the client or its address is not known, there is nobody to be sent to.
    return error.redirectTo === undefined
      ? new Response(errorPage(error.description), { status: 400, headers: pageHeaders(undefined) })
      : new Response(null, { status: 302, headers: { location: error.redirectTo, "cache-control": "no-store" } });
  }
}

interface Shown {
  readonly status: number;
  readonly email: string;
  readonly tenants: readonly string[];
  readonly problem: string | undefined;
}

async function showPage({ api }: ConsentDeps, asked: AuthRequest, { status, email, tenants, problem }: Shown): Promise<Response> {
  const [facts, begun] = [await api.describeConsent(asked), await api.beginConsent(asked)];
  const { protocol, origin, hostname } = new URL(asked.redirectUri);
  const clientDomain = asked.clientId.startsWith("https://") ? new URL(asked.clientId).hostname : undefined;
  const page = consentPage({
    clientName: facts.clientName,
    clientDomain,
    redirectHost: facts.redirectHost,
    isLoopback: facts.redirectIsLoopback,
    scopes: scopesAskedFor(asked.scope),
    handle: begun.handle,
    tenants,
    email,
    problem,
  });
  const headers = pageHeaders(hostname === "" ? protocol : origin);
  // The cookie binds the page to this browser: no other site can send its form.
  for (const cookie of begun.headers.getSetCookie()) headers.append("set-cookie", cookie);
  return new Response(page, { status, headers });
}

async function answer(request: Request, asked: AuthRequest, deps: ConsentDeps): Promise<Response> {
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== new URL(request.url).origin) {
    return new Response(errorPage("The form was sent from another site."), { status: 403, headers: pageHeaders(undefined) });
  }
  const form = await readForm(request);
  const handle = form.get("handle") ?? "";
  const browser = new Request(request.url, { headers: request.headers });
  if (form.get("decision") !== "allow") {
    const { redirectTo, headers } = await deps.api.denyConsent(browser, handle, { description: "The user has said no" });
    return redirect(redirectTo, headers);
  }
  const email = form.get("email") ?? "";
  try {
    const scopes = chosenScopes(form, asked);
    const by: By = { kind: "anonymous", id: "anonymous", requestId: deps.requestId };
    const user = await proveUser(deps, by, deps.address, email, form.get("password") ?? "");
    const tenant = chooseTenant(user, form.get("tenant") ?? undefined);
    const approved = await deps.api.approveConsent(browser, handle);
    const props: GrantProps = { userId: user.userId, tenant };
    const { redirectTo } = await deps.api.completeAuthorization({
      request: approved.request,
      userId: await grantUserId(deps, user.userId, tenant),
      scope: scopes,
      props,
      metadata: { scopes },
    });
    const who = { kind: "user", id: user.userId, requestId: deps.requestId };
    await deps.realmOf(tenant).note(who, "grant.created", asked.clientId.slice(0, 256), deps.now(), { scopes });
    return redirect(redirectTo, approved.headers);
  } catch (error) {
    const refusal = toDoError(error);
    if (!refusal) throw error;
    return showPage(deps, asked, { status: statusOf(refusal), email, tenants: tenantsIn(refusal), problem: refusal.message });
  }
}

/** Whom the library keeps a grant for: a user in a tenant, without the colons that a tenant's name may have. */
export async function grantUserId({ accounts }: Pick<ProveDeps, "accounts">, userId: string, tenant: string): Promise<string> {
  return `${userId}.${await accounts.tagOf(tenant)}`;
}

function chosenScopes(form: URLSearchParams, asked: AuthRequest): string[] {
  const offered = scopesAskedFor(asked.scope);
  const chosen = form.getAll("scope").filter((scope) => offered.includes(scope));
  if (chosen.length > 0) return chosen;
  throw new DoError("INVALID_ARGUMENT", "Choose at least one thing that it may do, or deny");
}

function tenantsIn({ reason, details }: DoError): string[] {
  return reason === "TENANT_NEEDED" ? ((details?.["tenants"] ?? []) as string[]) : [];
}

function statusOf({ code }: DoError): number {
  if (code === "RATE_LIMITED") return 429;
  return code === "UNAUTHENTICATED" ? 401 : 400;
}

function redirect(location: string, headers: Headers): Response {
  const all = new Headers(headers);
  all.set("location", location);
  all.set("cache-control", "no-store");
  all.set("referrer-policy", "no-referrer");
  // 303: what follows is a GET, whatever the form was sent by.
  return new Response(null, { status: 303, headers: all });
}

async function readForm(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (!type.startsWith("application/x-www-form-urlencoded") || bytes.byteLength > MAX_FORM_BYTES) {
    throw new AuthorizationError("invalid_request", { description: "The answer must be a form" });
  }
  return new URLSearchParams(new TextDecoder().decode(bytes));
}
