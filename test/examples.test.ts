import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { eventStoreSuite } from '../src/testing/index.ts';
import { missingPostgres, POSTGRES_URL } from './support/databases.ts';
import { SAMPLE_ROW, SUCCESS_BODY } from './support/document.ts';
import { ROOT, runCommand, scratchFolder, startNode } from './support/process.ts';

const example = (name: string) => join(ROOT, 'examples', name);
const ANSWER = `200 ${JSON.stringify(SUCCESS_BODY)}\n`;

describe.each(['express', 'fastify'])('examples/%s', (name) => {
  it('receives what examples/sign-only sends', async () => {
    const folder = scratchFolder();
    const server = startNode([example(`${name}/server.js`)], { PORT: '0' }, folder);
    const [, port] = await server.printed(/Listening on .*port: (\d+)/s);
    const send = (env: Record<string, string> = {}) =>
      runCommand(process.execPath, [example('sign-only/send.js')], {
        env: { HIS_URL: `http://127.0.0.1:${port!}/his/receive`, ...env },
      });
    expect(send()).toMatchObject({ status: 0, stdout: ANSWER, stderr: '' });
    expect(send()).toMatchObject({ status: 0, stdout: ANSWER, stderr: '' });
    expect(send({ HIS_SECRET: 'wrong' }).stdout).toMatch(/^401 /);
    expect(await server.stop()).toBe(0);
    expect(server.output()).toContain('200 stored evt_123456');

    const database = new DatabaseSync(join(folder, 'buktor.db'), { readOnly: true });
    const rows = database.prepare('SELECT * FROM appointment').all();
    database.close();
    expect(rows).toMatchObject([SAMPLE_ROW]);
  });
});

describe('examples/sender', () => {
  const start = (url: string, folder: string) =>
    startNode([example('sender/his.js')], { HIS_URL: url }, folder);

  it('delivers what was committed, and nothing that was rolled back', async () => {
    const folder = scratchFolder();
    const server = startNode([example('express/server.js')], { PORT: '0' }, folder);
    const [, port] = await server.printed(/Listening on .*port: (\d+)/s);

    // Nobody is there at first.
    const early = start('http://127.0.0.1:1/', folder);
    const [, booked] = await early.printed(/^booked: (\S+)$/m);
    await early.printed(/^not booked: \S+ UNIQUE constraint failed/m);
    await early.printed(/"kind":"attempt_failed"/);
    expect(await early.stop()).toBe(0);
    expect(early.output()).toContain('waiting: 1\n');
    expect(early.output()).toContain('left for the next time: 1\n');

    const later = start(`http://127.0.0.1:${port!}/his/receive`, folder);
    await later.printed(/("kind":"delivered"[^]*){2}/);
    expect(await later.stop('SIGINT')).toBe(0);
    expect(later.output()).toContain('left for the next time: 0\n');
    const [, then] = /^booked: (\S+)$/m.exec(later.output())!;
    expect(await server.stop()).toBe(0);

    const database = new DatabaseSync(join(folder, 'buktor.db'), { readOnly: true });
    const rows = database.prepare('SELECT buktor_appointment_id AS id FROM appointment').all();
    database.close();
    expect(rows.map(({ id }) => id).sort()).toEqual([booked, then].sort());
  });
});

describe('examples/functions', () => {
  it('prints what its comments say', () => {
    const { stdout, stderr } = runCommand(process.execPath, [example('functions/inspect.js')]);
    expect(stderr).toBe('');
    expect(stdout).toBe(`true
{
  ok: true,
  key: { buktor_appointment_id: 'A123' },
  values: { buktor_status: 'confirmed' }
}
`);
  });
});

describe('examples/data-schemas', () => {
  it('prints what its comments say', () => {
    const { stdout, stderr } = runCommand(process.execPath, [example('data-schemas/check.js')]);
    expect(stderr).toBe('');
    expect(stdout).toBe(`[
  { path: '/his_status', message: 'must be one of the allowed values' },
  { path: '/his_created_at', message: 'is required' }
]
[]
`);
  });
});

describe('examples/custom-store', () => {
  it('passes the suite', () => {
    const { stdout, status } = runCommand(process.execPath, [
      '--test',
      '--test-reporter=tap',
      example('custom-store/journal-store.test.js'),
    ]);
    expect(stdout.match(/^ *not ok .*$/gm) ?? []).toEqual([]);
    const rules = eventStoreSuite(() => Promise.reject(new Error('not opened')));
    // One more of its own.
    expect(stdout).toContain(`\n# pass ${String(rules.length + 1)}\n`);
    expect(status).toBe(0);
  });
});

describe.skipIf(missingPostgres)('examples/sender-cluster', () => {
  it('delivers by two processes what was committed, and stops', () => {
    const { stdout, stderr, status } = runCommand(
      process.execPath,
      [example('sender-cluster/cluster.js')],
      { env: { DATABASE_URL: POSTGRES_URL } },
    );
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const lines = stdout.trim().split('\n');
    expect(lines.shift()).toBe('9 appointments, 9 events queued');
    expect(lines.pop()).toBe('dead letter evt_A10 422 mapping_not_found');
    expect(lines.map((line) => line.replace(/^worker [12] /, '')).sort()).toEqual([
      ...Array.from({ length: 8 }, (_, index) => `delivered evt_A${String(index + 1)}`),
      'gave up evt_A10',
    ]);
  });

  it('ends with a word on the secret where the workers have another', () => {
    const { stdout, stderr, status } = runCommand(
      process.execPath,
      [example('sender-cluster/cluster.js')],
      { env: { DATABASE_URL: POSTGRES_URL, HIS_SECRET: 'not-the-one-the-receiver-knows-at-all' } },
    );
    expect(status).toBe(1);
    expect(stdout.trim()).toBe('9 appointments, 9 events queued');
    const lines = stderr.trim().split('\n');
    expect(lines.pop()).toBe(
      '9 events are still queued: the receiver refuses the workers; are their token and secret the ones it knows?',
    );
    for (const line of lines) {
      expect(line).toMatch(/^worker [12] is refused whatever it sends: 401 unauthorized$/);
    }
  });
});
