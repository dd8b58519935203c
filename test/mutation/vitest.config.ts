import type { ViteUserConfig } from 'vitest/config';
import base from '../vitest.config.ts';

/**
 * The tests of one group, from the environment. With Stryker's own option `testFiles`, mutants of
 * what a module does while it is loaded would never be active.
 */
const config: ViteUserConfig = {
  ...base,
  test: { ...base.test, include: (process.env['MUTATION_TESTS'] ?? '').split(',') },
};

export default config;
