import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/verify-programs.ts'],
    // Each file in a process of its own: modules under test may fill memory.
    pool: 'forks',
    server: { deps: { external: [/\/dist\//] } },
    maxWorkers: availableParallelism(),
    // For machines many times slower or busier than one's own; tests take seconds.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
