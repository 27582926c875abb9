/** Requests at random to routes that share answers: short in the suite, long in test:soak. */
import { connect } from "../../sdk/src/index.ts";
import { each, type Amount } from "./functions.ts";
import { gatewayOf } from "./gateway.ts";
import type { TestHost } from "./host.ts";
import type { SeenRequest, Upstream } from "./upstream.ts";

/** What an upstream says of who may be given its answer; the first two say it of all who ask for the same. */
const KINDS = {
  public: { "cache-control": "public, max-age=1" },
  "fresh-for-long": { "cache-control": "public, s-maxage=1, stale-while-revalidate=1" },
  private: { "cache-control": "private, max-age=60" },
  "not-kept": { "cache-control": "no-store" },
  silent: {},
  "with-cookie": { "cache-control": "public, max-age=60", "set-cookie": "a=1" },
  "by-header": { "cache-control": "public, max-age=1", vary: "x-who" },
} as const;
type Kind = keyof typeof KINDS;
const FOR_ALL: ReadonlySet<Kind> = new Set(["public", "fresh-for-long"]);
const PRINCIPALS = 4;
const URLS = 3;
const FAILS_PERCENT = 5;

export interface Collapsed {
  /** Answers that are not for who got them, or not for what was asked. */
  readonly wrong: string[];
  /** How many were given the answer to another's request. */
  readonly shared: number;
  readonly asked: number;
}

/** Asks as several principals for the same at the same time, of which an upstream says at random whom it is for. */
export async function collapseAtRandom(host: TestHost, upstream: Upstream, amount: Amount, seed = 7): Promise<Collapsed> {
  const gateway = gatewayOf(host);
  const root = connect(host.url, host.rootKey);
  const keys: string[] = [];
  for (let n = 0; n < PRINCIPALS; n++) keys.push((await root.auth.createApiKey(`asks-${seed}-${n}`, ["gateway:read:routes/*"])).key);
  let state = seed;
  // Its low bits repeat themselves soon.
  const random = (below: number) => Math.floor((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 65_536) % below;
  upstream.handle = ({ url, headers }: SeenRequest, response) => {
    const [kind = "", n = ""] = url.slice(1).split(".");
    const isFailure = random(100) < FAILS_PERCENT;
    const body = JSON.stringify({ url, n, who: String(headers["x-who"]), principal: String(headers["do-principal"] ?? "") });
    setTimeout(() => void response.writeHead(isFailure ? 500 : 200, { ...KINDS[kind as Kind] }).end(isFailure ? "" : body), random(20));
  };
  const to = { target: { url: `${upstream.origin}/{0}` }, cache: {} };
  const [open, closed] = [await gateway.route(to), await gateway.route({ ...to, auth: "tenant" })];
  const principalOf = new Map<number, string>();
  const wrong: string[] = [];
  let shared = 0;
  await each(amount, async (n) => {
    const who = random(PRINCIPALS);
    const kind = Object.keys(KINDS)[random(Object.keys(KINDS).length)] as Kind;
    const path = `/${kind}.${random(URLS)}`;
    const isClosed = random(2) === 0;
    const headers = { "x-who": `w${who}`, ...(isClosed ? { authorization: `Bearer ${keys[who] ?? ""}` } : {}) };
    const answer = await fetch(`${host.url}${isClosed ? closed : open}${path}`, { headers });
    const text = await answer.text();
    if (answer.headers.get("cache-status")?.includes("collapsed")) shared++;
    if (answer.status === 500) return;
    const got = JSON.parse(text) as { url: string; who: string; principal: string };
    const isOwn = got.who === `w${who}` && (!isClosed || (principalOf.get(who) ?? got.principal) === got.principal);
    if (isClosed && got.who === `w${who}`) principalOf.set(who, got.principal);
    if (answer.status !== 200 || got.url !== path || !(isOwn || FOR_ALL.has(kind)))
      wrong.push(`${n} w${who} ${path}: ${answer.status} ${text}`);
  });
  if (new Set(principalOf.values()).size !== PRINCIPALS) wrong.push(`the principals were ${[...principalOf.values()].join(", ")}`);
  return { wrong, shared, asked: upstream.seen.length };
}
