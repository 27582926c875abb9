import { describe, expect, it } from "vitest";
import { gatewayFor, refusal } from "./support.ts";

const versionOf = (n: number) => ({ code: `let calls = 0; export default () => { calls++; return { version: ${n}, calls } }` });

describe("versions and deployments", () => {
  const { gateway } = gatewayFor();

  it("what is deployed twice is one version, and a rollback is what answered before", async () => {
    const first = await gateway.deploy("v", versionOf(1));
    const again = await gateway.deploy("v", versionOf(1));
    expect([first.created, again.created, again.version]).toEqual([true, false, first.version]);
    const second = await gateway.deploy("v", versionOf(2));
    expect(await gateway.invoke("v", null)).toMatchObject({ version: 2 });
    expect((await gateway.listVersions("v")).items.map(({ id }) => id)).toEqual([second.version, first.version]);
    expect((await gateway.rollback("v")).shares).toEqual([{ version: first.version, percentage: 100 }]);
    expect(await gateway.invoke("v", null)).toMatchObject({ version: 1 });
    await gateway.rollback("v", { to: second.version, message: "forward" });
    expect(await gateway.invoke("v", null)).toMatchObject({ version: 2 });
    expect((await gateway.listDeployments("v")).items[0]).toMatchObject({ message: "forward" });
    expect(await gateway.getVersion("v", first.version)).toMatchObject({
      mainModule: "index.ts",
      files: { "index.ts": versionOf(1).code },
    });
  });

  it("nothing is before the first deployment", async () => {
    await gateway.deploy("alone", versionOf(1));
    expect(await refusal(gateway.rollback("alone"))).toMatchObject({ code: "PRECONDITION_FAILED", reason: "NOTHING_BEFORE" });
  });

  it("a version that is not live waits until it is deployed, and 0 % is for who names it", async () => {
    const one = await gateway.deploy("slow", versionOf(1));
    const two = await gateway.deploy("slow", { ...versionOf(2), live: false });
    expect(await gateway.invoke("slow", null)).toMatchObject({ version: 1 });
    expect(await refusal(gateway.invoke("slow", null, { version: two.version }))).toMatchObject({
      code: "NOT_FOUND",
      reason: "VERSION_NOT_LIVE",
    });
    await gateway.setDeployment("slow", [
      { version: one.version, percentage: 100 },
      { version: two.version, percentage: 0 },
    ]);
    expect(await gateway.invoke("slow", null)).toMatchObject({ version: 1 });
    expect(await gateway.invoke("slow", null, { version: two.version })).toMatchObject({ version: 2 });
  });

  it("a key sticks to its version, and keys are divided by the percentages", async () => {
    const one = await gateway.deploy("ab", versionOf(1));
    const two = await gateway.deploy("ab", { ...versionOf(2), live: false });
    await gateway.setDeployment("ab", [
      { version: one.version, percentage: 25 },
      { version: two.version, percentage: 75 },
    ]);
    const of = async (stickyKey: string) => ((await gateway.invoke("ab", null, { stickyKey })) as { version: number }).version;
    const keys = Array.from({ length: 90 }, (_, i) => `user-${i}`);
    const first = await Promise.all(keys.map(of));
    expect(await Promise.all(keys.map(of))).toEqual(first);
    const share = first.filter((version) => version === 1).length;
    expect(share).toBeGreaterThan(8);
    expect(share).toBeLessThan(40);
    const deployed = (percentage: number) =>
      gateway.setDeployment("ab", [
        { version: two.version, percentage: 100 - percentage },
        { version: one.version, percentage },
      ]);
    // The same again, said the other way round: nobody changes over. Then whoever had what grows keeps it.
    await deployed(25);
    expect(await Promise.all(keys.map(of))).toEqual(first);
    await deployed(60);
    const second = await Promise.all(keys.map(of));
    expect(second.filter((_, i) => first[i] === 1)).toEqual(Array.from({ length: share }, () => 1));
    await deployed(25);
    expect(await Promise.all(keys.map(of))).toEqual(first);
  });

  it.each([
    ["not 100 together", [{ percentage: 50 }], "100 together"],
    ["a version twice", [{ percentage: 50 }, { percentage: 50 }], "must differ"],
  ])("a deployment of %s is refused", async (_name, shares, message) => {
    const { version } = await gateway.deploy("bad", versionOf(1));
    const refused = await refusal(
      gateway.setDeployment(
        "bad",
        shares.map((share) => ({ ...share, version })),
      ),
    );
    expect(refused).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) as string });
  });

  it("tags filter, and delete", async () => {
    await gateway.deploy("customers/a", { ...versionOf(1), tags: ["plan:free", "eu"] });
    await gateway.deploy("customers/b", { ...versionOf(1), tags: ["plan:pro"] });
    expect((await gateway.listFunctions({ tag: "plan:free" })).items.map(({ name }) => name)).toEqual(["customers/a"]);
    expect(await gateway.listFunctions({ namespace: "customers", limit: 1 })).toMatchObject({
      items: [{ name: "customers/a" }],
      cursor: "customers/a",
    });
    await gateway.updateFunction("customers/b", { tags: ["plan:free"] });
    expect(await gateway.deleteFunctions({ tag: "plan:free", namespace: "customers" })).toEqual({
      deleted: ["customers/a", "customers/b"],
    });
    expect(await refusal(gateway.invoke("customers/a", 1))).toMatchObject({ code: "NOT_FOUND", reason: "NO_SUCH_FUNCTION" });
  });

  it("a deployment's key is one request", async () => {
    const upload = { ...versionOf(7), idempotencyKey: "d1" };
    const first = await gateway.deploy("keyed", upload);
    await gateway.deploy("keyed", versionOf(8));
    expect(await gateway.deploy("keyed", upload)).toEqual(first);
    expect(await gateway.invoke("keyed", 1)).toMatchObject({ version: 8 });
    expect(await refusal(gateway.deploy("keyed", { ...versionOf(9), idempotencyKey: "d1" }))).toMatchObject({ code: "UNPROCESSABLE" });
  });
});

describe("what does not load is refused with its place, and the live version stays", () => {
  const { gateway } = gatewayFor();
  const good = { code: "export default () => 'good'" };

  it.each([
    ["a syntax error", { code: "export default () => {\n  const a = ;\n}" }, "UNPROCESSABLE", "index.ts:2:13: "],
    [
      "an error of a file",
      { modules: { "a.ts": 'import "./b"; export default () => 1', "b.ts": "let x = 1;\nlet x = 2;" }, mainModule: "a.ts" },
      "UNPROCESSABLE",
      "b.ts:2:5: ",
    ],
    [
      "a file that is not there",
      { modules: { "a.ts": 'import "./gone"; export default () => 1' } },
      "UNPROCESSABLE",
      'a.ts:1:8: There is no file "./gone" in the upload',
    ],
    [
      "a package that is not there",
      { code: 'import x from "left-pad"; export default () => x' },
      "UNPROCESSABLE",
      'index.ts:1:15: There is no package "left-pad"',
    ],
    [
      "a throw at the top",
      { code: "\n\nthrow new TypeError('no config');\nexport default () => 1" },
      "UNPROCESSABLE",
      "index.ts:3:7: TypeError: no config",
    ],
    ["a loop at the top", { code: "for (;;) {}\nexport default () => 1" }, "UNPROCESSABLE", "cpu limit"],
    ["no export", { code: "const a = 1" }, "UNPROCESSABLE", "exports nothing that can be called"],
    ["no default export that can be called", { code: "export default 5" }, "UNPROCESSABLE", "exports nothing that can be called"],
    [
      "a binding of a class that it does not export",
      { ...good, bindings: [{ type: "durable_object_namespace", name: "A", class_name: "A" }] },
      "UNPROCESSABLE",
      'A binds the class "A"',
    ],
    ["nothing", { code: " " }, "INVALID_ARGUMENT", "empty"],
    ["both code and modules", { code: "1", modules: { "a.ts": "" } }, "INVALID_ARGUMENT", "code or modules"],
    ["a path that leads out", { modules: { "../a.ts": "export default () => 1" } }, "INVALID_ARGUMENT", "is no path"],
    ["a file of a kind that is not known", { modules: { "a.exe": "x" } }, "INVALID_ARGUMENT", "neither code"],
    ["a main module that is not there", { modules: { "a.ts": "1" }, mainModule: "b.ts" }, "INVALID_ARGUMENT", 'mainModule is "b.ts"'],
    ["no main module among two", { modules: { "a.ts": "1", "b.ts": "2" } }, "INVALID_ARGUMENT", "mainModule must say"],
    ["a binding of another type", { ...good, bindings: [{ type: "kv_namespace", name: "KV" }] }, "INVALID_ARGUMENT", "bindings.0.type"],
    ["a binding that would hide do", { ...good, bindings: [{ type: "plain_text", name: "DO", text: "" }] }, "INVALID_ARGUMENT", "is taken"],
    [
      "two bindings of a name",
      {
        ...good,
        bindings: [
          { type: "plain_text", name: "A", text: "" },
          { type: "json", name: "A", json: 1 },
        ],
      },
      "INVALID_ARGUMENT",
      "two bindings",
    ],
    ["a limit over the tier", { ...good, limits: { cpuMs: 10_001 } }, "LIMIT_EXCEEDED", "limits.cpuMs must be at most 10000"],
    ["nine tags", { ...good, tags: ["1", "2", "3", "4", "5", "6", "7", "8", "9"] }, "INVALID_ARGUMENT", "at most 8"],
    ["too many bytes", { code: `export default () => "${"x".repeat(4 * 1024 * 1024)}"` }, "TOO_LARGE", "4194304"],
  ])("%s", async (_name, upload, code, message) => {
    await gateway.deploy("live", good);
    expect(await refusal(gateway.deploy("live", upload as never))).toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
    expect(await gateway.invoke("live", 1)).toBe("good");
  });

  it.each(["", "a/b/c", "../x", "a b", "-a", "a".repeat(61), "/a", "a/"])("the name %j is refused", async (name) => {
    expect(await refusal(gateway.deploy(name, good))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("the longest name, and every limit at its most, are taken", async () => {
    const name = `${"n".repeat(60)}/${"f".repeat(60)}`;
    await gateway.deploy(name, { ...good, limits: { cpuMs: 10_000, wallMs: 120_000 }, tags: ["1", "2", "3", "4", "5", "6", "7", "8"] });
    expect(await gateway.invoke(name, 1)).toBe("good");
  });
});
