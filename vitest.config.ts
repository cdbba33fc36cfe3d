import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/**
 * Each in a process of its own, before all others: what fills memory, changes the working directory or starts programs, and what takes
 * longest, so that no long file is alone at the end.
 */
const apart = [
  ...['engines', 'examples', 'guides', 'limits', 'package', 'plugin'].map((folder) => `${folder}/*`),
  ...[
    'bench/peers',
    'bench/training',
    'cli/optimize',
    'cli/tune/tune',
    'cli/tune/queue',
    'compress/cases',
    'data/hostile',
  ],
  ...['kernels/differential', 'models/cases', 'train/reference', 'write/models'],
].map((name) => `test/${name}.test.ts`)

export default defineConfig({
  test: {
    setupFiles: ['test/support/verify-programs.ts'],
    pool: 'forks',
    server: { deps: { external: [/\/dist\//] } },
    // One more than there are cores: tests wait for browsers and other programs that they start.
    maxWorkers: availableParallelism() + 1,
    // For machines many times slower or busier than one's own; tests take seconds.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    projects: [
      { extends: true, test: { name: 'apart', include: apart } },
      // To start a process, load the compiler and let the engine compile it takes longer than most files.
      { extends: true, test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: apart, isolate: false } },
    ],
  },
})
