/** What a browser does with the consent page: keeps its cookie, fills in its form, sends it. */
export interface Answer {
  readonly email: string;
  readonly password: string;
  readonly decision?: "allow" | "deny";
  readonly tenant?: string;
  /** Default: all that are offered. */
  readonly scopes?: readonly string[];
}

export interface ConsentPage {
  readonly response: Response;
  readonly html: string;
  readonly handle: string;
  readonly cookie: string;
  readonly offered: readonly string[];
}

export async function openConsent(url: string | URL): Promise<ConsentPage> {
  return pageOf(await fetch(url, { redirect: "manual" }));
}

export async function sendConsent(
  url: string | URL,
  page: ConsentPage,
  { email, password, decision = "allow", tenant, scopes = page.offered }: Answer,
  headers: Record<string, string> = {},
): Promise<Response> {
  const form = new URLSearchParams({ handle: page.handle, email, password, decision });
  for (const scope of scopes) form.append("scope", scope);
  if (tenant !== undefined) form.set("tenant", tenant);
  return fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: { cookie: page.cookie, origin: new URL(url).origin, ...headers },
    body: form,
  });
}

export async function pageOf(response: Response): Promise<ConsentPage> {
  const html = await response.text();
  return {
    response,
    html,
    handle: /name="handle" value="([^"]+)"/.exec(html)?.[1] ?? "",
    cookie: response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(";")[0])
      .join("; "),
    offered: [...html.matchAll(/name="scope" value="([^"]+)"/g)].map(([, scope = ""]) => scope),
  };
}

/** Where the client is sent after the user has answered. */
export async function consent(url: string | URL, answer: Answer): Promise<URL> {
  const response = await sendConsent(url, await openConsent(url), answer);
  const location = response.headers.get("location");
  if (response.status !== 303 || location === null)
    throw new Error(`The consent page answered ${response.status}: ${await response.text()}`);
  return new URL(location);
}
