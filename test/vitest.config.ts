import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

const config: ViteUserConfig = defineConfig({
  root,
  test: {
    include: ['test/**/*.test.ts'],
    // Many tests wait for servers and processes; on two cores, one at a time takes half as long again.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/schemas/generate.ts', 'src/schemas/envelope-validator.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 98 },
    },
  },
});

export default config;
