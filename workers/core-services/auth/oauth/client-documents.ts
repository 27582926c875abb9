import * as z from "zod";
import { checkUrl, guardedFetch, type GuardedFetchOptions } from "../../shared/guarded-fetch.ts";

const FRESH_MS = 5 * 60_000;
/** A document that could not be had is not asked for again at once: anyone can name one. */
const FAILED_MS = 30_000;
const MAX_DOCUMENT_BYTES = 65_536;
const DOCUMENT_TIMEOUT_MS = 5_000;
const MAX_DOCUMENTS = 1_000;

const Text = z.string().max(500);

/** Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document), as far as it is used here. */
const Document = z.object({
  client_id: z.string(),
  redirect_uris: z.array(z.string().max(2_048)).min(1).max(50),
  client_name: Text.optional(),
  client_uri: Text.optional(),
  logo_uri: Text.optional(),
  tos_uri: Text.optional(),
  policy_uri: Text.optional(),
  grant_types: z.array(Text).max(10).optional(),
  response_types: z.array(Text).max(10).optional(),
  // A document that everybody can read has no secret in it.
  token_endpoint_auth_method: z.literal("none").optional(),
});

interface Held {
  readonly client: unknown;
  readonly untilMs: number;
}

/** Clients whose id is the URL of a document about them. */
export class ClientDocuments {
  readonly #held = new Map<string, Held>();

  /** The client as the OAuth library keeps one; null when there is no such document. */
  async resolve(url: string, options: Pick<GuardedFetchOptions, "egress" | "loopbackOrigins">): Promise<unknown> {
    const held = this.#held.get(url);
    if (held && held.untilMs > Date.now()) return held.client;
    const client = await get(url, options);
    if (this.#held.size >= MAX_DOCUMENTS) this.#held.clear();
    this.#held.set(url, { client, untilMs: Date.now() + (client === null ? FAILED_MS : FRESH_MS) });
    return client;
  }
}

async function get(url: string, options: Pick<GuardedFetchOptions, "egress" | "loopbackOrigins">): Promise<unknown> {
  try {
    checkUrl(url, options.loopbackOrigins);
    const { pathname, hash } = new URL(url);
    if (pathname === "/" || hash !== "" || new URL(url).href !== url) return null;
    const text = await guardedFetch(url, { ...options, maxBytes: MAX_DOCUMENT_BYTES, timeoutMs: DOCUMENT_TIMEOUT_MS });
    const document = Document.parse(JSON.parse(text));
    // Whoever can put a document somewhere is the client of that place and of no other.
    return document.client_id === url ? toClient(url, document) : null;
  } catch (error) {
    console.error(JSON.stringify({ level: "warn", event: "client-document", url, error: error instanceof Error ? error.message : "" }));
    return null;
  }
}

function toClient(url: string, document: z.infer<typeof Document>) {
  return {
    clientId: url,
    redirectUris: document.redirect_uris,
    clientName: document.client_name,
    clientUri: document.client_uri,
    logoUri: document.logo_uri,
    tosUri: document.tos_uri,
    policyUri: document.policy_uri,
    grantTypes: document.grant_types ?? ["authorization_code", "refresh_token"],
    responseTypes: document.response_types ?? ["code"],
    tokenEndpointAuthMethod: "none",
  };
}
