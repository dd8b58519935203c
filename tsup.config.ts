import { rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import type { Options } from 'tsup';

const shared: Options = {
  target: 'node20',
  platform: 'node',
  outDir: 'dist',
  // Shared chunks in both formats: an error class must be one class, whichever subpath it came by.
  splitting: true,
  treeshake: false,
};

// Once for all builds below; tsup's own `clean` would have them clear each other's files.
rmSync('dist', { recursive: true, force: true });

const entry = {
  index: 'src/index.ts',
  'adapters/express': 'src/adapters/express.ts',
  'adapters/fastify': 'src/adapters/fastify.ts',
  'adapters/fetch': 'src/adapters/fetch.ts',
  'stores/memory': 'src/stores/memory.ts',
  'stores/postgres': 'src/stores/postgres.ts',
  'stores/sqlite': 'src/stores/sqlite.ts',
  'stores/redis': 'src/stores/redis.ts',
  'sender/index': 'src/sender/index.ts',
  'outboxes/memory': 'src/outboxes/memory.ts',
  'outboxes/pg-boss': 'src/outboxes/pg-boss.ts',
  'outboxes/sqlite': 'src/outboxes/sqlite.ts',
  'testing/index': 'src/testing/index.ts',
  'schemas/index': 'src/schemas/index.ts',
};

const config: Options[] = [
  {
    ...shared,
    entry,
    format: ['esm'],
    dts: true,
    async onSuccess() {
      for (const name of ['envelope', 'his-json-mapping']) {
        await cp(`src/schemas/${name}.schema.json`, `dist/schemas/${name}.schema.json`);
      }
    },
  },
  {
    ...shared,
    entry,
    format: ['cjs'],
    dts: true,
    // It is an ES module only, which Node before 20.19 cannot require.
    noExternal: ['temporal-polyfill'],
    async onSuccess() {
      await cp('node_modules/temporal-polyfill/LICENSE', 'dist/temporal-polyfill.LICENSE');
    },
  },
  {
    ...shared,
    entry: { 'cli/main': 'src/cli/main.ts' },
    format: ['esm'],
  },
];

export default config;
