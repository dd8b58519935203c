import { type Coverage, lintMapping } from '../mapping/lint.ts';
import type { MappingSet } from '../mapping/types.ts';
import { type Io, readInput } from './io.ts';
import {
  count,
  describeFault,
  inColumns,
  nameClients,
  readArguments,
  readSamples,
} from './mapping-files.ts';

/** Checks a document, and what it makes of samples. */
export async function mappingCheck(args: readonly string[], io: Io): Promise<number> {
  const options = await readArguments(args, io, 'check', ['FILE'], ['samples', 'client']);
  const [file = ''] = options.files;
  const samples =
    options.samples === undefined ? [] : await readSamples(options.samples, io, options.client);
  const report = lintMapping(await readInput(io, file), { ...options.compile, samples });
  for (const fault of report.faults) io.out(`${describeFault(file, 'error', fault)}\n`);
  for (const warning of report.warnings) io.out(`${describeFault(file, 'warning', warning)}\n`);
  for (const coverage of report.coverage) io.out(`\n${describeCoverage(coverage)}`);
  if (report.coverage.length > 0) io.out('\n');
  io.out(`${summarise(report.mappings, report.faults.length, report.warnings.length)}\n`);
  return report.faults.length > 0 || report.coverage.some(isRefusing) ? 1 : 0;
}

function isRefusing({ status, failures }: Coverage): boolean {
  return status === 'unmapped' || failures.length > 0;
}

function describeCoverage(coverage: Coverage): string {
  const { clients, type, status, events, neverFilled, neverUsed, failures, warnings } = coverage;
  const about = `${nameClients(clients)}, ${type}: ${count(events, 'event')}`;
  if (status === 'declined') return `${about}, declined\n`;
  if (status === 'unmapped') return `${about}, NO MAPPING\n`;
  const rows: [string, string][] = [];
  if (neverFilled.length > 0) rows.push(['never filled', neverFilled.join(', ')]);
  if (neverUsed.length > 0) rows.push(['never used', neverUsed.join(', ')]);
  for (const [name, faults] of [
    ['REFUSED', failures],
    ['warning', warnings],
  ] as const) {
    for (const { path, message, events: times, sample } of faults) {
      const first = `${count(times, 'event')}, first: sample ${String(sample)}`;
      rows.push([name, `${path} ${message} (${first})`]);
    }
  }
  if (rows.length === 0) rows.push(['fine', 'every column is filled, every source field used']);
  return `${about}\n${inColumns(rows, '  ')}`;
}

function summarise(mappings: MappingSet | undefined, faults: number, warnings: number): string {
  const found = `${count(faults, 'error')}, ${count(warnings, 'warning')}`;
  if (mappings === undefined) return found;
  const { clients, tables } = mappings;
  return `${found}; ${count(clients.size, 'client')}, ${count(tables.length, 'table')}: ${
    tables.map(({ table }) => table).join(', ') || 'none'
  }`;
}
