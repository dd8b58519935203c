import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support/process.ts';

/** File → what it imports: files of `src/` by their path, everything else by its name. */
const graph = new Map<string, string[]>(
  readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, 'src', file), 'utf8'));
      return [
        file,
        importedFiles.map(({ fileName }) =>
          fileName.startsWith('.') ? posix.join(dirname(file), fileName) : fileName,
        ),
      ];
    }),
);

/** The layers of the house, from the ground up; a file may import its own layer and those below. */
const LAYERS: readonly (readonly RegExp[])[] = [
  [
    /^(audit|calendar|canonical|configuration|digits|errors|events|hmac|json|json-scan)\.ts$/,
    /^(deadlines|timestamp|underway|weak-secrets|without-values)\.ts$/,
    /^schemas\/envelope-validator\.ts$/,
  ],
  [/^(signature|envelope|merge)\.ts$/, /^mapping\//],
  [/^(sqlite|postgres)\//],
  [/^stores\//],
  [/^(receiver|sender|testing)\//, /^schemas\/(index|data-schemas|faults)\.ts$/],
  [/^(adapters|outboxes)\//],
  [/^cli\//],
];

const layerOf = (file: string) =>
  LAYERS.findIndex((layer) => layer.some((part) => part.test(file)));

/** Files outside the layers: the list of exports, and a tool of the build. */
const OUTSIDE = new Set(['index.ts', 'schemas/generate.ts']);

describe('the import graph', () => {
  const files = [...graph.keys()].filter((file) => !OUTSIDE.has(file));
  const edges = files.flatMap((from) => graph.get(from)!.map((to) => ({ from, to })));
  const inner = edges.filter(({ to }) => graph.has(to));

  it('knows every file', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(files.filter((file) => layerOf(file) === -1)).toEqual([]);
    for (const { to } of edges) if (to.endsWith('.ts')) expect(graph.has(to), to).toBe(true);
  });

  it('points downwards only', () => {
    expect(inner.filter(({ from, to }) => layerOf(to) > layerOf(from))).toEqual([]);
  });

  it('has no circle', () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) throw new Error(`a circle: ${[...path, file].join(' → ')}`);
      if (done.has(file)) return;
      for (const next of graph.get(file)!.filter((to) => graph.has(to)))
        visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of graph.keys()) visit(file, []);
  });

  it('imports neither index.ts nor, from elsewhere, the command line', () => {
    expect(inner.filter(({ to }) => to === 'index.ts')).toEqual([]);
    expect(
      inner.filter(({ from, to }) => to.startsWith('cli/') && !from.startsWith('cli/')),
    ).toEqual([]);
  });

  it('keeps siblings apart: adapters, stores, and the two ends', () => {
    const engineOf = (file: string) => /^stores\/(memory|postgres|redis|sqlite)\b/.exec(file)?.[1];
    const queueOf = (file: string) => /^outboxes\/(memory|pg-boss|sqlite)\b/.exec(file)?.[1];
    for (const { from, to } of inner) {
      if (from.startsWith('adapters/')) expect(to).not.toMatch(/^(adapters|outboxes)\//);
      if (from.startsWith('outboxes/')) {
        expect(queueOf(to) ?? queueOf(from)).toBe(queueOf(from));
        // What an outbox knows of the sender is their types.
        if (to.startsWith('sender/')) expect(to).toBe('sender/outbox.ts');
      }
      if (engineOf(to) !== undefined && from.startsWith('stores/'))
        expect(engineOf(from)).toBe(engineOf(to));
      if (from.startsWith('sender/')) expect(to).not.toMatch(/^(receiver|stores|sqlite)\//);
      if (from.startsWith('receiver/')) expect(to).not.toMatch(/^sender\//);
      // What the receiver knows of stores is their types.
      if (from.startsWith('receiver/') && to.startsWith('stores/'))
        expect(to).toBe('stores/types.ts');
    }
  });

  it('takes from outside only what each part may', () => {
    const allowed: [RegExp, RegExp][] = [
      [/^cli\//, /^node:/],
      [/^testing\//, /^node:assert\/strict$/],
      [/^(sqlite|outboxes\/sqlite)\//, /^node:(fs|path)$/],
      [/^receiver\/node\.ts$|^adapters\/express\.ts$/, /^node:http$/],
      [/^receiver\/node\.ts$/, /^node:async_hooks$/],
      [/^receiver\/watch-mappings\.ts$/, /^node:fs$/],
      [/^adapters\/fastify\.ts$/, /^fastify$/],
      [/^schemas\/data-schemas\.ts$/, /^ajv(\/dist\/2020\.js)?$|^ajv-formats$/],
      [/^mapping\/suggest\.ts$/, /^fastest-levenshtein$/],
      [/^mapping\/text\.ts$/, /^jsonc-parser$/],
      [/^mapping\/zone\.ts$/, /^temporal-polyfill\/fns\/(PlainDateTime|ZonedDateTime)$/],
      [/./, /^(node:crypto|node:buffer|fast-json-stable-stringify)$/],
    ];
    const outer = edges.filter(({ to }) => !graph.has(to));
    expect(
      outer.filter(
        ({ from, to }) => !allowed.some(([file, name]) => file.test(from) && name.test(to)),
      ),
    ).toEqual([]);
    // Types only: nothing of a framework, or of node:http, is loaded.
    for (const file of [
      'receiver/node.ts',
      'receiver/watch-mappings.ts',
      'adapters/express.ts',
      'adapters/fastify.ts',
    ]) {
      const source = readFileSync(join(ROOT, 'src', file), 'utf8');
      expect(source.match(/^import (?!type)[^;]*'(node:http|node:fs|fastify)'/gm)).toBeNull();
    }
  });

  it('reaches ajv from ./schemas only', () => {
    const reach = (file: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(file)) return seen;
      seen.add(file);
      for (const next of graph.get(file) ?? []) reach(next, seen);
      return seen;
    };
    const entries = [...readFileSync(join(ROOT, 'tsup.config.ts'), 'utf8').matchAll(/'src\/(.+)'/g)]
      .map(([, file]) => file!)
      .filter((file) => graph.has(file));
    expect(entries).toEqual(expect.arrayContaining(['index.ts', 'cli/main.ts']));
    const reaching = entries.filter((file) => [...reach(file)].some((to) => /^ajv\b/.test(to)));
    expect(reaching).toEqual(['schemas/index.ts']);
  });

  it('makes no code at run time', () => {
    for (const file of graph.keys()) {
      const source = readFileSync(join(ROOT, 'src', file), 'utf8').replace(/\/\*[^]*?\*\//g, '');
      if (!OUTSIDE.has(file)) expect(source, file).not.toMatch(/\beval\(|new Function\(/);
    }
  });
});
