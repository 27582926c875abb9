import { env } from "cloudflare:workers";
import { executorOf } from "#seam";
import { describe, expect, it } from "vitest";
import { InProcessExecutor } from "../../../workers/do/src/executor/in-process.ts";
import { WarmSet } from "../../../workers/do/src/executor/warm.ts";
import { gatewayFor } from "./support.ts";

const TENANTS = 8;
const FUNCTIONS = 20;
const CALLS = 400;

/** Keeps what each call said in the module, and says all that it can see. */
const codeOf = (owner: string) => `const seen = [];
export default async ({ input, env, db }) => {
  console.log("log of ${owner} " + input);
  seen.push(input);
  await db.upsert("state", "owner", { owner: "${owner.split("/")[0]}" });
  return { code: "${owner}", token: env.OWNER === "secret-of-${owner}", seen, state: (await db.get("state", "owner")).data.owner };
};`;

describe("many functions of many tenants", () => {
  it("no call sees another tenant's code, state or secret, and isolates are bounded", async () => {
    const tenants = Array.from({ length: TENANTS }, (_, i) => ({ name: `tenant${i}`, ...gatewayFor() }));
    for (const { name, gateway } of tenants) {
      for (let f = 0; f < FUNCTIONS; f++)
        await gateway.deploy(`f${f}`, { code: codeOf(`${name}/f${f}`), secrets: { OWNER: `secret-of-${name}/f${f}` } });
    }
    let state = 42;
    const random = (below: number) => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    for (let call = 0; call < CALLS; call += 4) {
      await Promise.all(
        Array.from({ length: 4 }, async (_, i) => {
          const tenant = tenants[random(TENANTS)];
          const f = random(FUNCTIONS);
          const owner = `${tenant?.name}/f${f}`;
          const input = `${owner}#${call + i}`;
          const answer = (await tenant?.gateway.invoke(`f${f}`, input)) as { code: string; token: boolean; seen: string[]; state: string };
          expect(answer).toMatchObject({ code: owner, token: true, state: tenant?.name });
          expect(answer.seen.every((said) => said.startsWith(`${owner}#`))).toBe(true);
          expect(answer.seen).toContain(input);
        }),
      );
    }
    const executor = executorOf(env);
    if (!(executor instanceof InProcessExecutor)) throw new Error("The tests run in one process");
    expect(executor.warmCount).toBeGreaterThan(0);
    expect(executor.warmCount).toBeLessThanOrEqual(128);
  }, 120_000);

  it("the logs of calls that are on at a time are each call's own", async () => {
    const { gateway, binding } = gatewayFor();
    await gateway.deploy("logs", {
      code: "export default async ({ input }) => { console.log('a' + input); await new Promise((r) => setTimeout(r, 10)); console.log('b' + input); return input }",
    });
    await Promise.all(Array.from({ length: 8 }, (_, i) => gateway.invoke("logs", i)));
    const { items } = await (await binding.executions).list();
    const logs = await Promise.all(
      items.map(async ({ id }) => (await (await binding.executions).get(id)).logs.map(({ message }) => message).join()),
    );
    expect(logs.toSorted()).toEqual(Array.from({ length: 8 }, (_, i) => `a${i},b${i}`));
  });

  it("a capability that a call kept is dead in the next", async () => {
    const { gateway } = gatewayFor();
    await gateway.deploy("keeps", {
      code: "let kept; export default async ({ db, input }) => { kept ??= db; return kept.list('x').then(() => 'works', (e) => e.code ?? e.message) }",
    });
    expect(await gateway.invoke("keeps", 1)).toBe("works");
    expect(await gateway.invoke("keeps", 2)).not.toBe("works");
  });
});

describe("the set of warm isolates", () => {
  const make = (most: number, mostCharacters = 1_000) => {
    const retired: string[] = [];
    return { retired, set: new WarmSet<null>({ most, mostCharacters, retire: ({ id }) => retired.push(id) }) };
  };

  it("the least recently used leaves first, and none that is in use", () => {
    const { set, retired } = make(2);
    const a = set.add("a", "t", 1, null);
    const b = set.add("b", "t", 1, null);
    set.leave(a);
    set.leave(b);
    expect(set.take("a")).toBe(a);
    set.leave(set.add("c", "t", 1, null));
    expect(retired).toEqual(["b"]);
    set.leave(set.add("d", "t", 1, null));
    expect(retired).toEqual(["b", "c"]);
    set.leave(a);
    expect(set.size).toBe(2);
  });

  it("characters count, and the isolates of others end before an owner's code comes", () => {
    const { set, retired } = make(10, 10);
    set.leave(set.add("a", "t", 6, null));
    set.leave(set.add("b", "u", 4, null));
    expect(retired).toEqual([]);
    set.leave(set.add("c", "u", 1, null));
    expect(retired).toEqual(["a"]);
    set.keepOnly("t");
    expect([retired, set.size]).toEqual([["a", "b", "c"], 0]);
  });

  it("one that is spent is given to nobody, and ends with its last call", () => {
    const { set, retired } = make(10);
    const a = set.add("a", "t", 1, null);
    set.take("a");
    set.spend(a);
    expect(set.take("a")).toBeUndefined();
    set.leave(a);
    expect(retired).toEqual([]);
    set.leave(a);
    expect(retired).toEqual(["a"]);
  });
});
