import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { chartOf } from './bench/report/chart.ts';
import { type DatedRow, mergeReports, readReport, render } from './bench/report/publish.ts';
import type { Load, LoadQuestion } from './bench/load.ts';
import { GROUPS, type Measured, show, toRow } from './bench/row.ts';
import { startWorker } from './bench/worker.ts';
import { ROOT, runCommand } from './support/process.ts';

const measured: Measured = {
  group: 'signature',
  name: 'ours <fast> / the "baseline"',
  unit: 'µs',
  ours: [1, 2, 3],
  baseline: [2, 2, 2],
  direction: 'at most',
  bar: 1,
};
const dated = (more: Partial<Measured>): DatedRow => ({
  ...toRow({ ...measured, ...more }),
  date: '2026-01-01',
  revision: 'abc1234',
});

describe('a row', () => {
  it('is the median and the spread of the ratios of each round', () => {
    const values = Array.from({ length: 11 }, (_, i) => i);
    const row = toRow({ ...measured, ours: values, baseline: values.map(() => 2) });
    expect(row).toMatchObject({ ours: 5, baseline: 2, median: 2.5, low: 0.5, high: 4.5 });
  });

  it.each([
    ['at most', 0.9, 'missed'],
    ['at most', 1, 'met'],
    ['at least', 1, 'met'],
    ['at least', 1.1, 'missed'],
  ] as const)('with a bar of %s %d is %s at 1', (direction, bar, verdict) => {
    expect(toRow({ ...measured, direction, bar }).verdict).toBe(verdict);
  });

  it('without a bar is only shown', () => {
    const { bar: _, ...unbarred } = measured;
    expect(toRow(unbarred).verdict).toBe('shown');
  });

  it('is not judged where it ran in brief', () => {
    const row = toRow({ ...measured, bar: 0.5 });
    expect(show(row, true)).toContain('≤ 0.50 × MISSED');
    expect(show(row, false)).not.toMatch(/MISSED|≤/);
  });

  it('is refused where nothing was measured', () => {
    expect(() => toRow({ ...measured, ours: [], baseline: [] })).toThrow('measured');
    expect(() => toRow({ ...measured, ours: [1], baseline: [0] })).toThrow('measured Infinity');
  });
});

describe('the chart', () => {
  it('tells in words what it tells in colours', () => {
    const svg = chartOf([dated({ bar: 0.5 }), dated({ direction: 'at least' })], 'A & B');
    expect(svg).toContain('≤ 0.50 × ✗ missed');
    expect(svg).toContain('≥ 1 × ✓ met');
    expect(svg).toContain('ours &lt;fast></text>');
    expect(svg).toContain('against the &quot;baseline&quot;');
    expect(svg).toContain('aria-label="A &amp; B"');
  });

  it('draws times as times where the ratio is of speeds', () => {
    const faster = dated({ values: [2, 1, 2 / 3], direction: 'at least' });
    expect(chartOf([faster], '')).toContain('shorter is better');
    expect(chartOf([dated({ unit: 'events/s', direction: 'at least' })], '')).toContain(
      'longer is better',
    );
  });
});

describe('the load generator', () => {
  const SUCCESS = JSON.stringify({
    status: 'success',
    message: 'Data received and processed successfully.',
  });

  async function load(
    listener: RequestListener,
    replayed?: boolean,
  ): Promise<{ readonly load: Load | null; readonly ids: readonly string[] }> {
    const ids: string[] = [];
    const server = createServer((request, response) => {
      void json(request).then((event) => {
        ids.push((event as { event_id: string }).event_id);
        listener(request, response);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const worker = startWorker<LoadQuestion, Load | null>('load.ts');
    try {
      await worker.ask({ kind: 'prepare', first: 0, count: 50 });
      const question = { kind: 'run', ports: [port], connections: 4 } as const;
      const load = await worker.ask({
        ...question,
        ...(replayed === undefined ? {} : { replayed }),
      });
      return { load, ids };
    } finally {
      await worker.stop();
      server.closeAllConnections();
      server.close();
    }
  }

  it('sends every event once, and tells how it went', async () => {
    const { load: went, ids } = await load((_, response) => response.end(SUCCESS));
    expect(new Set(ids).size).toBe(50);
    expect(ids).toHaveLength(50);
    expect(went!.speed).toBeGreaterThan(0);
    expect(went!.p50).toBeGreaterThan(0);
    expect(went!.p99).toBeGreaterThanOrEqual(went!.p50);
  });

  it.each([
    ['another status', 'refused', { status: 503, body: SUCCESS }],
    ['another body', 'refused', { status: 200, body: '{"status":"error"}' }],
    ['a new event that was expected to be known', 'no duplicate', { status: 200, body: SUCCESS }],
  ])('stops at %s', async (_, message, { status, body }) => {
    const answer: RequestListener = (_request, response) =>
      response.writeHead(status, { 'content-length': body.length }).end(body);
    await expect(load(answer, true)).rejects.toThrow(message);
  });
});

describe('the pages', () => {
  it('are those that the committed figures render to', async () => {
    const files = await render(readReport());
    for (const [path, content] of files) {
      expect(readFileSync(join(ROOT, path), 'utf8'), `${path}: npm run bench:docs`).toBe(content);
    }
    const charts = [...files.keys()].filter((path) => path.endsWith('.svg'));
    expect(readdirSync(join(ROOT, 'docs/benchmarks')).map((f) => `docs/benchmarks/${f}`)).toEqual(
      charts.sort(),
    );
  });

  it('have rows of every group', () => {
    const groups = new Set(readReport().rows.map(({ group }) => group));
    expect([...groups]).toEqual(GROUPS);
  });

  it('keep the rows of groups that were not measured again, on the same machine', () => {
    const report = readReport();
    const fresh = { ...report, rows: [dated({})] };
    const merged = mergeReports(report, fresh);
    expect(merged.rows.filter(({ group }) => group === 'signature')).toEqual(fresh.rows);
    expect(merged.rows.filter(({ group }) => group !== 'signature')).toEqual(
      report.rows.filter(({ group }) => group !== 'signature'),
    );
    const elsewhere = { ...fresh, machine: { ...report.machine, cpu: 'another' } };
    expect(mergeReports(report, elsewhere).rows).toEqual(fresh.rows);
  });
});

describe('npm run bench', () => {
  it.each([
    [['nope'], 'There is no group nope. Groups: signature, '],
    [['--rounds', '0'], '--rounds is a whole number from 1 on, not 0.'],
    [['--brief', '--docs'], 'What ran in brief is nothing to publish.'],
  ])('%j is refused', (args, message) => {
    const { status, stderr } = runCommand(process.execPath, ['test/bench/run.ts', ...args]);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
