import { writeSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with `N passed, N failed, N skipped`, and fails a run that ran no test. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[], reason: string): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === "pending" ? "skipped" : state]++;
      }
      // A file or a suite that broke before its tests ran has no failed test to show for it.
      count.failed += [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0).length;
    }
    if (count.passed === 0 || count.failed > 0 || reason !== "passed") process.exitCode = 1;
    process.once("exit", () => {
      if (count.passed === 0 || count.failed > 0) process.exitCode ||= 1;
      writeSync(1, `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}
