import { describe, expect, it } from "vitest";
import { PACKAGE_LIMITS } from "../../../workers/core-services/gateway/packages/limits.ts";
import { unpack } from "../../../workers/core-services/gateway/packages/tarball.ts";
import { tarballOf } from "../../support/tarballs.ts";
import { gatewayFor, refusal } from "./support.ts";

const { gateway: operator } = gatewayFor("internal", "root");
const { gateway } = gatewayFor();

const base64 = (bytes: Uint8Array) => bytes.toBase64();
const add = async (manifest: object, files: Record<string, string>, options = {}) =>
  operator.addPackage(base64(await tarballOf(manifest, files)), options);
const answerOf = async (name: string, code: string) => {
  await gateway.deploy(name, { code });
  return gateway.invoke(name, null);
};

describe("packages", () => {
  it("are imported by functions of any tenant, as their package.json says, with what they need", async () => {
    await add({ name: "leaf", version: "1.0.0", main: "lib" }, { "lib/index.js": "exports.word = 'old leaf';" });
    const leaf = await add({ name: "leaf", version: "2.0.0", main: "./lib/index.js" }, { "lib/index.js": "exports.word = 'leaf';" });
    expect(leaf).toMatchObject({ created: true, package: { id: "leaf@2.0.0", current: true, files: 2 } });
    await add(
      {
        name: "@wood/tree",
        version: "1.2.3",
        type: "module",
        exports: {
          ".": { types: "./index.d.ts", require: "./index.cjs", import: "./index.js" },
          "./mini": "./mini.js",
          "./parts/*": "./parts/*.js",
          "./secret/*": null,
        },
        imports: { "#inner": "./inner.js" },
      },
      {
        "index.js": 'import leaf from "leaf"; import { inner } from "#inner"; export const tree = [leaf.word, inner];',
        "index.cjs": "throw new Error('not for a module')",
        "inner.js": "export const inner = 'inner';",
        "mini.js": "export default process.env.NODE_ENV;",
        "parts/a.js": "export default 'part a';",
        "index.d.ts": "not code",
      },
      { dependencies: { leaf: "leaf@1.0.0" } },
    );
    expect(
      await answerOf(
        "wood",
        `import { tree } from "@wood/tree"; import mini from "@wood/tree/mini"; import part from "@wood/tree/parts/a"; import { word } from "leaf";
         export default () => ({ tree, mini, part, word });`,
      ),
    ).toEqual({ tree: ["old leaf", "inner"], mini: "production", part: "part a", word: "leaf" });
    // What is imported and not used is not in the code.
    const { version } = await gateway.deploy("wood", {
      code: `import { tree } from "@wood/tree"; import { word } from "leaf"; export default () => tree`,
    });
    expect(await gateway.getVersion("wood", version)).toMatchObject({ packages: ["@wood/tree@1.2.3", "leaf@1.0.0"] });
    expect((await gateway.listVersions("wood")).items.map(({ packages }) => packages)).toEqual([
      ["@wood/tree@1.2.3", "leaf@1.0.0"],
      ["@wood/tree@1.2.3", "leaf@1.0.0", "leaf@2.0.0"],
    ]);
  });

  it("of CommonJS have what Node has", async () => {
    await add(
      { name: "emits", version: "1.0.0" },
      { "index.js": "const E = require('events'); module.exports = () => new E().on('x', () => {}).listenerCount('x');" },
    );
    expect(await answerOf("emits", 'import count from "emits"; export default () => count();')).toBe(1);
  });

  it("that are not there are named, with those that are", async () => {
    await add({ name: "known", version: "1.0.0" }, { "index.js": "export default 1" });
    expect(await refusal(gateway.deploy("asks", { code: 'import x from "unknown-one"; export default () => x' }))).toMatchObject({
      reason: "BUILD_FAILED",
      message: expect.stringMatching(/index\.ts:1:\d+: There is no package "unknown-one" in the store; it has .*known/) as string,
    });
    expect(await refusal(gateway.deploy("asks", { code: 'import x from "known/gone"; export default () => x' }))).toMatchObject({
      reason: "BUILD_FAILED",
    });
  });

  it("are the operator's to add and remove, and anybody's of the deployment to see", async () => {
    const tarball = base64(await tarballOf({ name: "mine", version: "1.0.0" }, { "index.js": "" }));
    expect(await refusal(gateway.addPackage(tarball))).toMatchObject({ code: "PERMISSION_DENIED", reason: "OPERATOR_ONLY" });
    expect(await refusal(gateway.removePackage("leaf@1.0.0"))).toMatchObject({ code: "PERMISSION_DENIED", reason: "OPERATOR_ONLY" });
    await operator.addPackage(tarball);
    expect((await gateway.listPackages()).items.map(({ id }) => id)).toContain("mine@1.0.0");
    await gateway.deploy("has", { code: 'import "mine"; export default () => "still"' });
    expect(await operator.removePackage("mine@1.0.0")).toEqual({ removed: true });
    expect(await operator.removePackage("mine@1.0.0")).toEqual({ removed: false });
    expect(await gateway.invoke("has", null)).toBe("still");
  });

  it("are what their integrity says, once and for all", async () => {
    const one = await tarballOf({ name: "pinned", version: "1.0.0" }, { "index.js": "export default 1" });
    const other = await tarballOf({ name: "pinned", version: "1.0.0" }, { "index.js": "export default 2" });
    const { package: added } = await operator.addPackage(base64(one));
    expect(await operator.addPackage(base64(one), { integrity: added.integrity })).toMatchObject({ created: false });
    expect(await refusal(operator.addPackage(base64(other), { integrity: added.integrity }))).toMatchObject({
      code: "PRECONDITION_FAILED",
      reason: "INTEGRITY_MISMATCH",
    });
    expect(await refusal(operator.addPackage(base64(other)))).toMatchObject({ code: "CONFLICT", reason: "INTEGRITY_PINNED" });
  });
});

describe("a tarball", () => {
  const unpacked = async (bytes: Uint8Array) => (await unpack(base64(bytes), undefined)).files.map(([path]) => path);
  const plain = { name: "x", version: "1.0.0" };

  it("gives code alone, under paths of its own", async () => {
    const files = { "a.js": "", "b/c.mjs": "", "d.d.ts": "", "e.js.map": "", "../../out.js": "", "b/../../up.js": "", "../up.js": "" };
    const link = { name: "package/link.js", size: 0, type: "symlink" as const, linkname: "/etc/passwd" };
    expect(await unpacked(await tarballOf(plain, files, [link]))).toEqual(["package.json", "a.js", "b/c.mjs"]);
  });

  it("that is none is refused", async () => {
    const refused = (text: string) => refusal(unpack(text, undefined));
    expect(await refused("%%%")).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining("base64") as string });
    expect(await refused(btoa("no gzip"))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await refused(base64(await tarballOf({ name: "../x", version: "1.0.0" }, {})))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await refused(base64(await tarballOf({ name: "x" }, {})))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("is as large as it may be, and no larger", async () => {
    const room = PACKAGE_LIMITS.codeBytes - JSON.stringify(plain).length;
    expect(await unpacked(await tarballOf(plain, { "a.js": "x".repeat(room) }))).toHaveLength(2);
    expect(await refusal(unpacked(await tarballOf(plain, { "a.js": "x".repeat(room + 1) })))).toMatchObject({ code: "TOO_LARGE" });
    const bomb = await tarballOf(plain, { "a.txt": "x".repeat(PACKAGE_LIMITS.unpackedBytes) });
    expect(bomb.byteLength).toBeLessThan(1_000_000);
    expect(await refusal(unpacked(bomb))).toMatchObject({ code: "TOO_LARGE" });
  });
});
