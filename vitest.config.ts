import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const ROOT_KEY = "do_root_of_the_tests_0123456789abcdef";

export default defineConfig({
  test: {
    reporters: ["default", "./tests/summary-reporter.ts"],
    projects: [
      {
        // Inside workerd, with the real Worker Loader, Durable Objects and RPC. One workerd for all files; what they
        // store is apart because each uses tenants of its own.
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.jsonc" },
            miniflare: { bindings: { DO_ROOT_KEY: ROOT_KEY, DO_SECRETS_KEY: ROOT_KEY } },
          }),
        ],
        test: {
          name: "workers",
          include: ["tests/workers/**/*.test.ts"],
          globalSetup: ["tests/support/canary.ts", "tests/support/wycheproof.ts"],
          isolate: false,
          maxWorkers: 1,
          testTimeout: 30_000,
        },
      },
      {
        // In Node: pure code, the host as a process, the command line, the SDK over real HTTP.
        test: {
          name: "node",
          include: ["tests/unit/**/*.test.ts", "tests/e2e/**/*.test.ts"],
          exclude: process.env["SOAK"] ? [] : ["tests/e2e/soak/**"],
          globalSetup: ["tests/support/build.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
