import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import type { Options } from 'tsup';

/**
 * Whose code is carried along, with the licences that ask to be named: development dependencies that
 * `src/` imports are bundled, each as far as it is used.
 */
const notices: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'notices',
  setup(build) {
    build.onEnd(async ({ metafile }) => {
      const folders = Object.values(metafile?.outputs ?? {})
        .flatMap(({ inputs }) => Object.entries(inputs))
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([file]) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0])
        .filter((folder) => folder !== undefined);
      const texts = [...new Set(folders)].sort().map(noticeOf);
      await mkdir('dist', { recursive: true });
      await writeFile('dist/third-party-notices.txt', texts.join('\n'));
    });
  },
};

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {
    name: string;
    version: string;
    license: string;
  };
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (file === undefined) throw new Error(`${folder} has no licence to carry along`);
  return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
}

/** An enum that TypeScript has inlined and left standing: bundlers cannot tell that making it does nothing else. */
const unusedEnum: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'unused enum',
  setup(build) {
    build.onLoad(
      { filter: /jsonc-parser[/\\]lib[/\\]esm[/\\]impl[/\\]scanner\.js$/ },
      ({ path }) => ({
        contents: readFileSync(path, 'utf8').replace(
          '(function (CharacterCodes)',
          '/* @__PURE__ */ $&',
        ),
      }),
    );
  },
};

const shared: Options = {
  target: 'node20',
  platform: 'node',
  outDir: 'dist',
  // Shared chunks in both formats: an error class must be one class, whichever subpath it came by.
  splitting: true,
  // Rollup leaves out more of what is bundled than esbuild does.
  treeshake: { preset: 'recommended', propertyReadSideEffects: false },
  esbuildOptions(options) {
    // The one module that is needed: the package's main file for Node requires its parts in a way that no
    // bundler sees, and the one for bundlers brings all of them.
    options.alias = { 'jsonc-parser': './node_modules/jsonc-parser/lib/esm/impl/parser.js' };
  },
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
    entry: { ...entry, 'cli/main': 'src/cli/main.ts' },
    format: ['esm'],
    dts: { entry },
    esbuildPlugins: [unusedEnum, notices],
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
    esbuildPlugins: [unusedEnum],
  },
];

export default config;
