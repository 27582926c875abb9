/** What the consent page shows; every text may come from a client. */
export interface ConsentFacts {
  readonly clientName: string;
  /** The domain that the client has shown to be its own. */
  readonly clientDomain: string | undefined;
  readonly redirectHost: string;
  readonly isLoopback: boolean;
  readonly scopes: readonly string[];
  readonly handle: string;
  /** To choose from, when the user belongs to several. */
  readonly tenants: readonly string[];
  readonly email: string;
  readonly problem: string | undefined;
}

const STYLE = `
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 28rem; margin: 4rem auto; padding: 0 1.25rem; }
  h1 { font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; }
  ul { border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; list-style: none; }
  code, li { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
  label { display: block; margin-top: .75rem; }
  input:not([type=checkbox]), select { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem; border: 1px solid var(--line); border-radius: 6px; }
  button { font: inherit; padding: .55rem 1.25rem; border-radius: 6px; border: 1px solid var(--line); margin: 1rem .5rem 0 0; cursor: pointer; }
  .problem { border-left: 4px solid #c33; padding-left: .75rem; }
  .note { font-size: .9rem; opacity: .8; }
`;

/** The page that asks a person whether a client may act for them. No script, and nothing from elsewhere. */
export function consentPage(facts: ConsentFacts): string {
  const { clientName, clientDomain, redirectHost, isLoopback, scopes, handle, tenants, email, problem } = facts;
  const who =
    clientDomain === undefined
      ? "It has said its name itself; nobody has checked it."
      : `It is from <strong>${text(clientDomain)}</strong>.`;
  const place = isLoopback
    ? "The answer goes to a program on your own machine, which could be any."
    : `The answer goes to <strong>${text(redirectHost)}</strong>.`;
  return html(
    "Allow access?",
    `<h1><strong>${text(clientName)}</strong> wants to act for you</h1>
<p>${who} ${place}</p>
<form method="post">
<input type="hidden" name="handle" value="${text(handle)}">
<p>It may then, as far as you may yourself:</p>
<ul>${scopes.map((scope) => `<li><label><input type="checkbox" name="scope" value="${text(scope)}" checked> ${text(scope)}</label></li>`).join("")}</ul>
${problem === undefined ? "" : `<p class="problem" role="alert">${text(problem)}</p>`}
<label>E-mail address <input name="email" type="email" autocomplete="username" required value="${text(email)}"></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
${tenants.length === 0 ? "" : `<label>Tenant <select name="tenant">${tenants.map((name) => `<option>${text(name)}</option>`).join("")}</select></label>`}
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny" formnovalidate>Deny</button>
</form>
<p class="note">Your password is for this page only; the client does not see it.</p>`,
  );
}

/** What is wrong with a request that cannot be answered to the client. */
export function errorPage(problem: string): string {
  return html("This does not work", `<h1>This does not work</h1><p class="problem">${text(problem)}</p>`);
}

function html(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${STYLE}</style>
${body}
</html>
`;
}

function text(value: string): string {
  return value.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @param redirectOrigin where the form's answer may lead; a browser holds a redirect to it too */
export function pageHeaders(redirectOrigin: string | undefined): Headers {
  return new Headers({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": `default-src 'none'; style-src 'unsafe-inline'; form-action 'self'${redirectOrigin === undefined ? "" : ` ${redirectOrigin}`}; frame-ancestors 'none'; base-uri 'none'`,
    "x-frame-options": "DENY",
    // Without it a browser does not say from which site the form is.
    "referrer-policy": "same-origin",
  });
}
