/** Loops over objects of a host: a short one in the suite, a long one in test:soak. */
import { connect } from "../../sdk/src/index.ts";
import { each, type Amount } from "./functions.ts";
import type { TestHost } from "./host.ts";

/** What switches of versions did to the calls that came meanwhile. */
export interface Counted {
  readonly failed: string[];
  /** Objects whose count is not that of the calls that they had. */
  readonly wrong: string[];
  readonly versions: number;
}

const OBJECTS = 5;

const counter = (version: number) => ({
  code: `import { DurableObject } from "cloudflare:workers";
    export class Counter extends DurableObject {
      constructor(ctx, env) { super(ctx, env); ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counts (n INTEGER)") }
      async increment() {
        this.ctx.storage.sql.exec("INSERT INTO counts VALUES (1)");
        await scheduler.wait(5);
        return { n: this.count(), version: ${version} };
      }
      count() { return this.ctx.storage.sql.exec("SELECT count(*) AS n FROM counts").one().n }
    }`,
});

/** Counts in some objects while their class is switched between two versions. */
export async function countUnderSwitches(host: TestHost, amount: Amount, switches: number): Promise<Counted> {
  const { gateway } = connect(host.url, host.rootKey);
  const name = "counted";
  const ids = [(await gateway.deploy(name, counter(0))).version, (await gateway.deploy(name, counter(1))).version];
  const failed: string[] = [];
  const seen = new Set<number>();
  let done = 0;
  const switching = (async () => {
    for (let n = 0; n < switches; n++) {
      while (done < (n * amount.requests) / switches) await new Promise((resolve) => setTimeout(resolve, 1));
      await gateway.setDeployment(name, [{ version: ids[n % 2] ?? "", percentage: 100 }]);
    }
  })();
  await each(amount, async (n) => {
    try {
      seen.add(((await gateway.callObject(name, `o${n % OBJECTS}`, "increment")) as { version: number }).version);
    } catch (error) {
      failed.push(String(error));
    }
    done++;
  });
  await switching;
  const wrong: string[] = [];
  for (let n = 0; n < OBJECTS; n++) {
    const count = await gateway.callObject(name, `o${n}`, "count");
    const expected = Math.floor((amount.requests - n + OBJECTS - 1) / OBJECTS);
    if (count !== expected) wrong.push(`o${n}: ${String(count)} of ${expected}`);
  }
  return { failed, wrong, versions: seen.size };
}

/** What ending the process of some objects did, again and again. */
export interface Killed {
  readonly acknowledged: number;
  readonly unknown: number;
  /** Objects that have less than was acknowledged, or more than was asked for. */
  readonly wrong: string[];
  /** Calls of another function's objects that failed meanwhile. */
  readonly neighbours: string[];
}

/** Counts in some objects while their process is ended, and in those of another function, whose process is not. */
export async function countUnderKills(host: TestHost, amount: Amount, kills: number): Promise<Killed> {
  const { gateway } = connect(host.url, host.rootKey);
  await Promise.all([gateway.deploy("killed", counter(0)), gateway.deploy("neighbour", counter(0))]);
  await gateway.callObject("neighbour", "o0", "increment");
  const spared = new Set(host.pids.homes);
  const acknowledged = new Map<string, number>();
  const unknown = new Map<string, number>();
  const neighbours: string[] = [];
  const more = (counts: Map<string, number>, object: string) => void counts.set(object, (counts.get(object) ?? 0) + 1);
  let done = 0;
  const killing = (async () => {
    for (let n = 1; n <= kills; n++) {
      while (done < (n * amount.requests) / (kills + 1)) await new Promise((resolve) => setTimeout(resolve, 1));
      for (const pid of host.pids.homes) if (!spared.has(pid)) process.kill(pid, "SIGKILL");
    }
  })();
  await each(amount, async (n) => {
    const object = `o${n % OBJECTS}`;
    if (n % 10 === 0) await gateway.callObject("neighbour", "o0", "increment").catch((error: unknown) => neighbours.push(String(error)));
    const isDone = await gateway.callObject("killed", object, "increment").then(
      () => true,
      () => false,
    );
    more(isDone ? acknowledged : unknown, object);
    done++;
  });
  await killing;
  const sum = (counts: Map<string, number>) => [...counts.values()].reduce((all, n) => all + n, 0);
  const wrong: string[] = [];
  for (let n = 0; n < OBJECTS; n++) {
    const object = `o${n}`;
    const stored = Number(await gateway.callObject("killed", object, "count"));
    const least = acknowledged.get(object) ?? 0;
    const most = least + (unknown.get(object) ?? 0);
    if (stored < least || stored > most) wrong.push(`${object}: ${stored}, not ${least} to ${most}`);
  }
  return { acknowledged: sum(acknowledged), unknown: sum(unknown), wrong, neighbours };
}
