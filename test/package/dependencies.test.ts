import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { ROOT, scratchFolder } from '../support/process.ts';
import { BUNDLED } from './bundled.ts';

interface Package {
  readonly version: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const { dependencies } = JSON.parse(read('package.json')) as {
  dependencies: Record<string, string>;
};
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Package> };

/** What comes along with the package: its dependencies, theirs, and so on. */
function runtimeTree(): ReadonlyMap<string, Package> {
  const tree = new Map<string, Package>();
  const add = (names: readonly string[]): void => {
    for (const name of names) {
      if (tree.has(name)) continue;
      const found = lock.packages[`node_modules/${name}`]!;
      tree.set(name, found);
      add(Object.keys(found.dependencies ?? {}));
    }
  };
  add(Object.keys(dependencies));
  return tree;
}

/** A section of docs/decisions.md, and those below it. */
const sectionsOf = (title: string): string[] =>
  read('docs/decisions.md').split(`\n## ${title}\n`)[1]!.split('\n## ')[0]!.split('\n### ');

/** The packages that have a row of their own. */
const rowsOf = (section: string): string[] =>
  [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name!);

describe('the runtime tree', () => {
  const tree = runtimeTree();

  it('has the packages that docs/decisions.md justifies, and no other', () => {
    const [section] = sectionsOf('Dependencies');
    expect(rowsOf(section!).sort()).toEqual(Object.keys(dependencies).sort());
    const mentioned = [...section!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    expect(mentioned).toEqual(expect.arrayContaining([...tree.keys()]));
    const notDev = Object.entries(lock.packages).flatMap(([place, { dev, devOptional, peer }]) =>
      place === '' || dev === true || devOptional === true || peer === true
        ? []
        : [place.replace('node_modules/', '')],
    );
    expect(notDev.sort()).toEqual([...tree.keys()].sort());
  });

  it('has no package that runs anything when it is installed', () => {
    expect([...tree].filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
    for (const name of tree.keys()) {
      const { scripts = {} } = JSON.parse(read(`node_modules/${name}/package.json`)) as {
        scripts?: Record<string, string>;
      };
      const hooks = Object.keys(scripts).filter((script) => /^(pre|post)?install$/.test(script));
      expect(hooks, name).toEqual([]);
    }
  });

  it('has licences that ask for nothing but a notice', () => {
    for (const [name, { license }] of tree) {
      expect(['MIT', 'BSD-3-Clause', 'Apache-2.0'], name).toContain(license);
    }
  });
});

describe('what dist carries along', () => {
  /** Written by the build, of what it has bundled. */
  const notices = read('dist/third-party-notices.txt');
  const heads = [...notices.matchAll(/^(\S+) (\d+\.\d+\.\d+) \((\S+)\)$/gm)];

  it('is what docs/decisions.md justifies, with its licence, and is not installed', () => {
    expect(heads.map(([, name]) => name)).toEqual(BUNDLED);
    const [, section] = sectionsOf('Dependencies');
    expect(rowsOf(section!)).toEqual(['temporal-polyfill', 'jsonc-parser']);
    for (const name of BUNDLED) expect(section).toContain(`\`${name}\``);
    for (const [, name, version, license] of heads) {
      const locked = lock.packages[`node_modules/${name!}`]!;
      expect(locked).toMatchObject({ version, license: 'MIT', dev: true });
      expect(license).toBe('MIT');
    }
    expect(notices.match(/^Copyright \(c\) /gm)).toHaveLength(heads.length);
  });

  it.each(['esm', 'cjs'] as const)('can be bundled again, as %s', async (format) => {
    const folder = scratchFolder();
    const outfile = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs');
    await build({
      stdin: { contents: APPLICATION, resolveDir: ROOT },
      outfile,
      format,
      bundle: true,
      platform: 'node',
      logLevel: 'error',
    });
    const { stdout, stderr } = spawnSync(process.execPath, [outfile], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stdout + stderr).toBe('2:3 is not an IANA time zone\n2025-07-01T10:00:00Z\n');
  });
});

/** Needs a time zone, a position in a text, and "did you mean". */
const APPLICATION = `
  import { compileMappings, resolveMapping, transformFields } from './dist/index.js';
  try {
    compileMappings('{"clients": {"1": {\\n  "timezone": "nowhere at all", "mappings": {} } } }');
  } catch ({ faults: [{ line, column, message }] }) {
    console.log(line + ':' + column + ' ' + message);
  }
  const fields = { his_service_id: 'id', at: { to: 'at', type: 'datetime' } };
  const set = compileMappings({
    clients: { 1: { timezone: 'Europe/Vienna', mappings: { 'service.*': { fields } } } },
  });
  const data = { his_service_id: '7', at: '2025-07-01T12:00:00' };
  console.log(transformFields(resolveMapping(set, '1', 'service.created'), data).values.at);
`;

describe('docs/security.md', () => {
  const page = read('docs/security.md').replace(/\s+/g, ' ');
  const named = [...page.matchAll(/“([^”]+)” \(`((?:test|src\/testing)\/[^`]+)`\)/g)];

  it('names tests that exist', () => {
    expect(named.length).toBeGreaterThan(40);
    // Every quotation is one of a test.
    expect([...page.matchAll(/“/g)]).toHaveLength(named.length + 1);
    for (const [, name, file] of named) {
      const source = read(file!);
      const isThere = ["'", '"', '`'].some((quote) => source.includes(`${quote}${name!}${quote}`));
      expect(isThere, `${file!}: ${name!}`).toBe(true);
    }
  });
});
