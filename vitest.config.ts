import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real sockets and child processes: generous, since a slow machine is no fault of the code.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
