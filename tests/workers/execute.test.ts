import { describe, expect, it } from "vitest";
import { bindingFor } from "./support.ts";

describe("execute() of a binding", () => {
  it("runs a body and answers value, logs, outcome and usage", async () => {
    const answer = await bindingFor("tenant").execute({ code: "console.log('hi', 1); const n: number = 40; return n + 2" });
    expect(answer).toMatchObject({ success: true, outcome: "ok", result: 42, cacheHit: false });
    expect(answer.logs).toMatchObject([{ level: "log", message: "hi 1" }]);
    expect(Object.keys(answer.usage)).toEqual(["queueMs", "compileMs", "wallMs", "cpuMs", "calls", "logBytes", "resultBytes"]);
  });
});
