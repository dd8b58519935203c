import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/process.ts';

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

describe('the runtime tree', () => {
  const tree = runtimeTree();

  it('has the packages that docs/decisions.md justifies, and no other', () => {
    const section = read('docs/decisions.md').split('\n## Dependencies\n')[1]!.split('\n## ')[0]!;
    const named = [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name!);
    expect(named.sort()).toEqual(Object.keys(dependencies).sort());
    const mentioned = [...section.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
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
