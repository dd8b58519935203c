import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../src/events.ts';
import * as errors from '../src/errors.ts';
import { ROOT } from './support/process.ts';

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((f) => f.endsWith('.md'))
    .map((f) => `docs/${f}`),
];

/** The members of a union of string literals, as the source spells it. */
function literals(file: string, type: string): string[] {
  const union = new RegExp(`export type ${type} =([^;]+);`).exec(read(file))![1]!;
  return [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name!).sort();
}

/** The first cells of a table under a heading. */
function firstCells(page: string, heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/^\| `(\w+)` +\|/gm)].map(([, code]) => code!).sort();
}

describe('docs/errors.md', () => {
  const page = read('docs/errors.md');

  it('lists every code of an answer, with its status', () => {
    const codes = literals('src/receiver/responses.ts', 'ResponseCode');
    expect(firstCells(page, 'Answers of the receiver')).toEqual(codes);
    const source = /const STATUS: [^;]*;/.exec(read('src/receiver/responses.ts'))![0];
    const statuses = new Map(
      [...source.matchAll(/^ {2}(\w+): (\d{3}),$/gm)].map(([, code, status]) => [code!, status]),
    );
    expect([...statuses.keys()].sort()).toEqual(codes);
    for (const [, code, status] of page.matchAll(/^\| `(\w+)` +\| (\d{3}) +\|/gm)) {
      expect(statuses.get(code!), code).toBe(status);
    }
  });

  it('lists every warning of the process', () => {
    expect(firstCells(page, 'Warnings of the process')).toEqual(
      literals('src/weak-secrets.ts', 'WarningCode'),
    );
  });

  it('lists every error that is thrown, with its class', () => {
    expect(firstCells(page, 'Errors that are thrown')).toEqual(
      literals('src/errors.ts', 'ErrorCode'),
    );
    const classes = Object.keys(errors).filter((name) => name !== 'HisWebhookError');
    expect([...page.matchAll(/\| `\w+` +\| `(\w+)` +\|/g)].map(([, name]) => name).sort()).toEqual(
      classes.sort(),
    );
  });
});

describe('docs/wire.md', () => {
  it('lists the 14 event types', () => {
    const listed = [...read('docs/wire.md').matchAll(/`(\w+\.\w+)` +\|/g)].map(([, type]) => type!);
    expect(listed.sort()).toEqual([...EVENT_TYPES].sort());
  });
});

describe('the pages', () => {
  it.each(pages)('%s: every block that names a file is that file', (page) => {
    const blocks = [...read(page).matchAll(/<!-- (\S+) -->\n\n```\w+\n([^]*?)```/g)];
    if (page === 'README.md') expect(blocks.length).toBeGreaterThanOrEqual(4);
    for (const [, file, code] of blocks) expect(code, file).toBe(read(file!));
  });

  it.each(pages)('%s: every link within the repository leads somewhere', (page) => {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      expect(existsSync(join(ROOT, dirname(page), target!)), target).toBe(true);
    }
  });

  it('README.md names the subpaths that are exported', () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> };
    const subpaths = Object.keys(exports).filter((path) => path !== './package.json');
    const named = [...read('README.md').matchAll(/^\| `@buktor\/his-webhook(\S*)` +\|/gm)].map(
      ([, path]) => `.${path!}`,
    );
    expect(named.sort()).toEqual(subpaths.sort());
  });
});
