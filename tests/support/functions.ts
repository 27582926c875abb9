/** Loops over functions of a host: short ones in the suite, long ones in test:soak. */
import { connect, type Session } from "../../sdk/src/index.ts";
import type { TestHost } from "./host.ts";

/** How many, and how many at a time. */
export interface Amount {
  readonly requests: number;
  readonly clients: number;
}

/** Runs `one` for each number below `requests`. */
export async function each({ requests, clients }: Amount, one: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < requests) await one(next++);
    }),
  );
}

/** What switches did to the requests that came meanwhile. */
export interface Switched {
  readonly failed: string[];
  /** Answers whose parts are of two versions, or whose header names another. */
  readonly mixed: string[];
  readonly byVersion: Record<string, number>;
}

/** Each part of an answer says of which version it is: the module, a binding, and the header of the gateway. */
const versioned = (n: number) => ({
  code: `const mine = ${n}; export default { fetch: (request, env) => Response.json({ module: mine, bound: env.VERSION }) }`,
  bindings: [{ type: "json" as const, name: "VERSION", json: n }],
});

/** Switches between two versions, `switches` times, while requests come. */
export async function switchUnderLoad(host: TestHost, amount: Amount, switches: number): Promise<Switched> {
  const { gateway } = connect(host.url, host.rootKey);
  const name = "switched";
  const ids = [(await gateway.deploy(name, versioned(0))).version, (await gateway.deploy(name, versioned(1))).version];
  const result: Switched = { failed: [], mixed: [], byVersion: {} };
  let done = 0;
  const switching = (async () => {
    for (let n = 0; n < switches; n++) {
      // Spread over the requests, so that each switch meets some.
      while (done < (n * amount.requests) / switches) await new Promise((resolve) => setTimeout(resolve, 1));
      await gateway.setDeployment(name, [{ version: ids[n % 2] ?? "", percentage: 100 }]);
    }
  })();
  await each(amount, async () => {
    const response = await host.ask(`/fn/root/${name}`);
    const text = await response.text();
    done++;
    if (response.status !== 200) return void result.failed.push(`${response.status} ${text}`);
    const { module, bound } = JSON.parse(text) as { module: number; bound: number };
    const id = response.headers.get("x-function-version") ?? "";
    if (module !== bound || ids[module] !== id) result.mixed.push(`${text} ${id}`);
    result.byVersion[id] = (result.byVersion[id] ?? 0) + 1;
  });
  await switching;
  return result;
}

/** A tenant, as one that holds its key. */
export interface Customer {
  readonly tenant: string;
  readonly key: string;
  readonly session: Session;
}

export async function customers(host: TestHost, count: number): Promise<Customer[]> {
  const root = connect(host.url, host.rootKey);
  const made: Customer[] = [];
  for (let n = 0; n < count; n++) {
    const tenant = `customer-${n}`;
    const { key } = await root.auth.createTenant(tenant, { tier: "internal" });
    made.push({ tenant, key, session: connect(host.url, key) });
  }
  return made;
}

/** Says of whom it is by its code, by a secret, by what its isolate has seen and by what its tenant's database holds. */
const owned = (owner: string, tenant: string) => ({
  code: `const seen = []; export default async ({ input, env, db }) => {
    seen.push(input); if (seen.length > 5) seen.shift();
    await db.upsert("owner", "me", { tenant: "${tenant}" });
    return { code: "${owner}", isMine: env.OWNER === "secret-of-${owner}", seen, tenant: (await db.get("owner", "me")).data.tenant };
  }`,
  secrets: { OWNER: `secret-of-${owner}` },
});

/** Makes customers, each with so many functions. */
export async function deployAll(host: TestHost, tenants: number, functions: number, clients: number): Promise<Customer[]> {
  const all = await customers(host, tenants);
  await each({ requests: tenants * functions, clients }, async (n) => {
    const { session, tenant } = all[n % tenants] as Customer;
    const name = `f${Math.floor(n / tenants)}`;
    await session.gateway.deploy(name, owned(`${tenant}/${name}`, tenant));
  });
  return all;
}

/** Calls functions of customers at random. @returns what was not as it must be */
export async function callAtRandom(all: readonly Customer[], functions: number, amount: Amount, seed = 7): Promise<string[]> {
  const wrong: string[] = [];
  let state = seed;
  const random = (below: number) => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  await each(amount, async (n) => {
    const { session, tenant } = all[random(all.length)] as Customer;
    const name = `f${random(functions)}`;
    const owner = `${tenant}/${name}`;
    const input = `${owner}#${n}`;
    try {
      const answer = (await session.gateway.invoke(name, input)) as { code: string; isMine: boolean; seen: string[]; tenant: string };
      const isRight =
        answer.code === owner && answer.isMine && answer.tenant === tenant && answer.seen.every((said) => said.startsWith(`${owner}#`));
      if (!isRight || !answer.seen.includes(input)) wrong.push(JSON.stringify([owner, answer]));
    } catch (error) {
      wrong.push(`${owner}: ${String(error)}`);
    }
  });
  return wrong;
}
