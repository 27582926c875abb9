import { describe, expect, it } from "vitest";
import { FUNCTION_LIMITS } from "../../../workers/core-services/gateway/limits.ts";
import { packed, unpacked } from "../../../workers/core-services/gateway/functions/packed.ts";
import { ADD as WASM } from "../../support/wasm.ts";
import { gatewayFor, refusal } from "./support.ts";

const { gateway } = gatewayFor();

const ADD = WASM.toBase64();
const CODE = `import add from "./lib/add.wasm"; import bytes from "../data/bytes.bin"; import words from "./words.tmpl"; import again from "./lib/add.wasm?module";
const { exports } = new WebAssembly.Instance(add);
export default ({ input }) => [exports.add(...input), add instanceof WebAssembly.Module, add === again, bytes instanceof ArrayBuffer, [...new Uint8Array(bytes)], words];`;
const MODULES = {
  "src/index.ts": CODE,
  "src/lib/add.wasm": { wasm: ADD },
  "data/bytes.bin": { data: new Uint8Array([1, 2, 255]).toBase64() },
  "src/words.tmpl": { text: "hello {{name}}" },
};
const RESULT = [5, true, true, true, [1, 2, 255], "hello {{name}}"];

describe("modules of other kinds", () => {
  it("are imported as what they hold, and shown as they were sent", async () => {
    const { version } = await gateway.deploy("mixed", { modules: MODULES, mainModule: "src/index.ts" });
    expect(await gateway.invoke("mixed", [2, 3])).toEqual(RESULT);
    expect(await gateway.getVersion("mixed", version)).toMatchObject({ files: MODULES, mainModule: "src/index.ts" });
    // What is got can be sent again: the same version.
    const { files, mainModule } = await gateway.getVersion("mixed", version);
    expect(await gateway.deploy("mixed", { modules: files, mainModule })).toMatchObject({ version, created: false });
  });

  it("are part of what a version is: other WebAssembly is another one", async () => {
    // i32.sub in place of i32.add.
    const sub = Uint8Array.fromBase64(ADD);
    sub[39] = 107;
    const first = await gateway.deploy("other", { modules: MODULES, mainModule: "src/index.ts" });
    const changed = { ...MODULES, "src/lib/add.wasm": { wasm: sub.toBase64() } };
    const second = await gateway.deploy("other", { modules: changed, mainModule: "src/index.ts" });
    expect(second.version).not.toBe(first.version);
    expect(((await gateway.invoke("other", [2, 3])) as unknown[])[0]).toBe(-1);
    await gateway.rollback("other");
    expect(((await gateway.invoke("other", [2, 3])) as unknown[])[0]).toBe(5);
  });

  it.each([
    ["WebAssembly that is none", { "src/lib/add.wasm": { wasm: btoa("no wasm") } }, { code: "UNPROCESSABLE" }],
    ["WebAssembly by another name", { "src/add.js": { wasm: ADD } }, { message: expect.stringContaining("must end in .wasm") as string }],
    ["no base64", { "data/bytes.bin": { data: "!!" } }, { message: expect.stringContaining("base64") as string }],
    ["two kinds", { "data/bytes.bin": { data: "", text: "" } as never }, { code: "INVALID_ARGUMENT" }],
    [
      "a text of no known kind",
      { "src/words.tmpl": "hello" },
      { message: expect.stringContaining("what is imported as it is comes as") as string },
    ],
    ["a path that leads out", { "../x.wasm": { wasm: ADD } }, { message: expect.stringContaining("is no path for a file") as string }],
  ])("%s is refused", async (_, change, refused) => {
    expect(await refusal(gateway.deploy("bad", { modules: { ...MODULES, ...change }, mainModule: "src/index.ts" }))).toMatchObject(refused);
  });

  it("what is no code is no main module, and a file that is not there is named", async () => {
    const modules = { "a.wasm": { wasm: ADD } };
    expect(await refusal(gateway.deploy("bad", { modules }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    const missing = { "index.js": 'import x from "./b.wasm"; export default () => x', ...modules };
    expect(await refusal(gateway.deploy("bad", { modules: missing, mainModule: "index.js" }))).toMatchObject({
      message: 'Cannot deploy: index.js:1:15: There is no file "./b.wasm" in the upload',
    });
  });

  it("count for the size of the upload", async () => {
    const sized = (bytes: number) => ({
      modules: { "index.js": "export default () => 1", "a.bin": { data: new Uint8Array(bytes).toBase64() } },
      mainModule: "index.js",
    });
    const rest = FUNCTION_LIMITS.uploadBytes - "export default () => 1".length;
    expect(await gateway.deploy("sized", sized(rest))).toMatchObject({ created: true });
    expect(await refusal(gateway.deploy("sized", sized(rest + 1)))).toMatchObject({ code: "TOO_LARGE" });
  });

  it("are kept with the module in one text, from which they come back", () => {
    const { code, wasm } = unpacked(
      packed("export {};\n//# wasm=x", [
        ["a/b.wasm", ADD],
        ["c.wasm", "AAAA"],
      ]),
    );
    expect([code, [...wasm.keys()], wasm.get("a/b.wasm")?.toBase64()]).toEqual(["export {};\n//# wasm=x", ["c.wasm", "a/b.wasm"], ADD]);
    for (const text of [
      "",
      "code",
      "//# wasm=../x.wasm AAAA",
      "//# wasm=harness.js AAAA",
      "//# wasm=x.wasm A",
      "//# wasm=x.wasm AAAA\ncode",
    ]) {
      expect(unpacked(text)).toEqual({ code: text, wasm: new Map() });
    }
  });
});
