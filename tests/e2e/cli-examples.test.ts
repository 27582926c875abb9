import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT } from "../../host/src/bundle.ts";
import { doer, NODE } from "../support/doer.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let env: Record<string, string>;
beforeAll(async () => {
  host = await testHost();
  env = { DO_URL: host.url, DO_KEY: host.rootKey };
});
afterAll(() => host.stop());

const example = (name: string) => join(ROOT, "examples", name);

it("hello.ts greets", async () => {
  expect(await doer(["run", example("hello.ts"), "--input", '{"name":"Ada"}'], { env })).toEqual({
    code: 0,
    stdout: "Hello, Ada!\n",
    stderr: 'log   called with { name: "Ada" }\n',
  });
  expect(await doer(["run", example("hello.ts")], { env })).toMatchObject({ code: 0, stdout: "Hello, world!\n" });
});

it("orders.ts works on its data, again and again", async () => {
  for (let run = 0; run < 2; run++) {
    const { code, stdout } = await doer(["run", example("orders.ts")], { env });
    expect({ code, result: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      result: { orders: 3, centsByCustomer: { ada: 5_550, grace: 990 } },
    });
  }
});

it("client.ts hands code to a server", async () => {
  const { stdout, stderr } = await promisify(execFile)(NODE, [example("client.ts")], { env: { ...env, PATH: process.env["PATH"] } });
  expect(stderr).toBe("1 squared is 1\n2 squared is 4\n3 squared is 9\n");
  expect(stdout).toBe("ok Map(3) { 1 => 1, 2 => 4, 3 => 9 }\n");
});
