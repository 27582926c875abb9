import { readFileSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
beforeAll(async () => {
  host = await testHost();
});
afterAll(() => host.stop());

const namespaceOf = (pid: number | "self", kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);
const statusOf = (pid: number, name: string) =>
  new RegExp(`^${name}:\\s+(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]?.split(/\s+/) ?? [];

describe.runIf(process.platform === "linux")("what the host says of its executors is so", () => {
  it("each of them is confined as it says", () => {
    const { executors } = host.pids;
    expect(executors.length).toBeGreaterThan(0);
    const isRoot = process.getuid?.() === 0;
    for (const pid of executors) {
      const isOnItsOwn = ["net", "pid", "mnt", "ipc", "uts"].map((kind) => namespaceOf(pid, kind) !== namespaceOf("self", kind));
      expect(new Set(isOnItsOwn)).toEqual(new Set([host.confinement === "bubblewrap"]));
      // Root gives itself up; who was not root has nothing to give up.
      expect(statusOf(pid, "Uid")[1]).toBe(isRoot && host.confinement !== "limits" ? "65534" : String(process.getuid?.()));
      const mayHaveRights = host.confinement === "limits" && isRoot;
      expect(mayHaveRights || statusOf(pid, "CapEff")[0] === "0000000000000000").toBe(true);
    }
  });

  it("the kernel bounds their memory and files", () => {
    for (const pid of host.pids.executors) {
      const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
      expect(/^Max data size +(\d+)/m.exec(limits)?.[1]).toBe(String((700 + 2 * 512) * 1024 * 1024));
      expect(/^Max open files +(\d+)/m.exec(limits)?.[1]).toBe("256");
      expect(/^Max core file size +(\d+)/m.exec(limits)?.[1]).toBe("0");
    }
  });

  it("no process but the front has the root key in its environment", () => {
    const { front, stores, executors } = host.pids;
    const has = (pid: number | undefined) => readFileSync(`/proc/${pid}/environ`, "latin1").includes(host.rootKey);
    expect(has(front)).toBe(true);
    expect([...stores, ...executors].map(has)).toEqual([...stores, ...executors].map(() => false));
  });
});
