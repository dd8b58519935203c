import { isDeepStrictEqual } from 'node:util';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { ROOT } from '../../support/spawn.ts';
import type { Machine } from '../machine.ts';
import { GROUPS, type Row } from '../row.ts';
import { chartOf } from './chart.ts';
import { benchmarksPage, TITLES } from './page.ts';
import { scalingPage } from './scaling.ts';

/** What a run, or several on one machine, came to. */
export interface Report {
  readonly machine: Machine;
  readonly rows: readonly DatedRow[];
}

/** A row, and when and of which commit it was measured. */
export type DatedRow = Row & { readonly date: string; readonly revision: string };

const FILE = 'docs/benchmarks.json';
const CHARTS = 'docs/benchmarks';

/** The figures that the pages are made of. */
export const readReport = (): Report =>
  JSON.parse(readFileSync(join(ROOT, FILE), 'utf8')) as Report;

/** Every page and picture by its path: they hold no figure that is not in the report. */
export async function render(report: Report): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const write = async (path: string, page: string): Promise<void> => {
    files.set(path, await format(page, { parser: 'markdown', printWidth: 100, singleQuote: true }));
  };
  await write('docs/benchmarks.md', benchmarksPage(report));
  await write('docs/scaling.md', scalingPage(report));
  for (const group of GROUPS) {
    const rows = report.rows.filter((row) => row.group === group);
    if (rows.length > 0) files.set(`${CHARTS}/${group}.svg`, chartOf(rows, TITLES[group]));
  }
  return files;
}

/** Puts rows in the place of those of their groups; those of another machine are dropped. */
export function mergeReports(old: Report | undefined, fresh: Report): Report {
  // Rows of two machines on one page would be compared with each other.
  const kept = isDeepStrictEqual(old?.machine, fresh.machine) ? old!.rows : [];
  const measured = new Set(fresh.rows.map(({ group }) => group));
  const rows = GROUPS.flatMap((group) =>
    (measured.has(group) ? fresh.rows : kept).filter((row) => row.group === group),
  );
  return { machine: fresh.machine, rows };
}

/** Keeps what was measured, and writes the pages anew. */
export async function publish(fresh: Report): Promise<void> {
  const report = mergeReports(existsSync(join(ROOT, FILE)) ? readReport() : undefined, fresh);
  writeFileSync(join(ROOT, FILE), `${JSON.stringify(report, null, 2)}\n`);
  await writePages(report);
}

/** Writes what a report renders to. */
export async function writePages(report: Report): Promise<void> {
  const files = await render(report);
  rmSync(join(ROOT, CHARTS), { recursive: true, force: true });
  mkdirSync(join(ROOT, CHARTS));
  for (const [path, content] of files) writeFileSync(join(ROOT, path), content);
}
