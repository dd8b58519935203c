import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import { scratchFolder } from '../support/process.ts';

const MAPPING = {
  valueMaps: { 'visit-status': { confirmed: 'CONFIRMED', x: 'CANCELLED' } },
  templates: {
    acme: {
      mappings: {
        'appointment.*': {
          fields: {
            his_appointment_id: 'id',
            his_status: { to: 'status', valueMap: 'visit-status', required: true },
            at: { to: 'at', type: 'datetime' },
          },
        },
      },
    },
  },
  clients: { 1001: { extends: 'acme', timezone: 'Asia/Kolkata', mappings: { 'payment.*': null } } },
};
const EVENT = {
  client_id: '1001',
  type: 'appointment.created',
  data: {
    his_appointment_id: 'SECRET',
    his_status: 'confirmed',
    at: '2025-03-02T10:30:45',
    more: 1,
  },
};

/** Files by name, as JSON where they are no text, and a way to run a command among them. */
function setUp(files: Readonly<Record<string, unknown>>) {
  const folder = scratchFolder();
  const paths = { 'm.json': JSON.stringify(MAPPING, null, 2), 'e.json': EVENT, ...files };
  for (const [name, content] of Object.entries(paths)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(folder, name), text);
  }
  const isFile = (word: string) => Object.keys(paths).some((name) => name.startsWith(word));
  return async (command: string, env: Record<string, string> = {}) => {
    let out = '';
    let err = '';
    const io: Io = {
      env,
      out: (text) => (out += text),
      err: (text) => (err += text),
      stdin: () => {
        throw new Error('not asked for');
      },
      columns: () => undefined,
      untilStopped: () => Promise.resolve(),
    };
    const argv = command.split(' ').map((word) => (isFile(word) ? join(folder, word) : word));
    const code = await run(['mapping', ...argv], io);
    const clean = (text: string) => text.replaceAll(`${folder}/`, '');
    return { code, out: clean(out), err: clean(err) };
  };
}

describe('mapping check', () => {
  it('is content with a sound document', async () => {
    expect(await setUp({})('check m.json')).toEqual({
      code: 0,
      out: '0 errors, 0 warnings; 1 client, 1 table: appointment\n',
      err: '',
    });
  });

  it('prints every fault where it stands', async () => {
    const bad = JSON.stringify(MAPPING, null, 2)
      .replace('"visit-status",', '"visit-satus",')
      .replace('Asia/Kolkata', 'Asia/Kolkatta');
    const { code, out } = await setUp({ 'bad.json': bad })('check bad.json');
    expect(code).toBe(1);
    expect(out).toBe(
      'bad.json:16:15: error: there is no value map "visit-satus"; did you mean "visit-status"? (/templates/acme/mappings/appointment.*/fields/his_status/valueMap)\n' +
        'bad.json:31:7: error: is not an IANA time zone; did you mean "Asia/Kolkata"? (/clients/1001/timezone)\n' +
        '2 errors, 0 warnings\n',
    );
  });

  it('warns, and is content all the same', async () => {
    const odd = JSON.stringify({ ...MAPPING, valueMaps: { ...MAPPING.valueMaps, old: {} } });
    const { code, out } = await setUp({ 'odd.json': odd })('check odd.json');
    expect(code).toBe(0);
    expect(out).toContain(
      'odd.json:1:72: warning: is never used (/valueMaps/old)\n0 errors, 1 warning;',
    );
  });

  it('tells per client what samples show, without their values', async () => {
    const samples = [
      EVENT,
      { ...EVENT, data: { his_appointment_id: 'A2', his_status: 'HIDDEN' } },
      { type: 'payment.failed', data: {} },
      { event_type: 'schedule.created', client_id: '7', his_schedule_id: 'S' },
    ];
    const lines = samples.map((sample) => JSON.stringify(sample)).join('\n\n');
    const call = setUp({ 's.ndjson': `${lines}\n` });
    const { code, out } = await call('check m.json --samples s.ndjson');
    expect(code).toBe(1);
    expect(out).toBe(`
client 1001, appointment.created: 2 events
  never used  /more
  REFUSED     /his_status is not in the value map (1 event, first: sample 2)

client 1001, payment.failed: 1 event, declined

client 7, schedule.created: 1 event, NO MAPPING

0 errors, 0 warnings; 1 client, 1 table: appointment
`);
    const fine = setUp({
      's.ndjson': JSON.stringify({
        ...EVENT,
        client_id: undefined,
        data: { ...EVENT.data, more: undefined },
      }),
    });
    expect(await fine('check m.json --samples s.ndjson --client 1001')).toMatchObject({
      code: 0,
      out: expect.stringContaining(
        '  fine  every column is filled, every source field used\n',
      ) as string,
    });
  });

  it.each<[string, string, RegExp]>([
    ['check', '', /mapping check takes FILE\./],
    ['check m.json e.json', '', /mapping check takes FILE\./],
    ['check none.json', '', /Cannot read none\.json: ENOENT/],
    ['check m.json --samples s.ndjson', '', /s\.ndjson has no event/],
    [
      'check m.json --samples s.ndjson',
      '{}\n{"SECRET',
      /s\.ndjson:1: an event has a type and data/,
    ],
    ['check m.json --samples s.ndjson', '{"SECRET', /s\.ndjson:1: The body is not valid JSON/],
    ['check m.json --reveal', '', /Unknown option '--reveal'/],
    ['check m.json --transforms t.mjs', '', /Cannot load t\.mjs: /],
    ['check m.json --types bed', '', /bed.* is not of the form resource\.operation/],
  ])('%s with %j cannot be done', async (command, samples, message) => {
    const { code, err } = await setUp({ 's.ndjson': samples, 't.mjs': 'syntax error' })(command);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(err).not.toContain('SECRET');
  });

  it('knows types and transforms of the host', async () => {
    const mapping = {
      clients: {
        1: {
          mappings: { 'bed.moved': { fields: { his_bed_id: { to: 'id', transform: 'upper' } } } },
        },
      },
    };
    const call = setUp({
      'm2.json': mapping,
      'named.mjs': 'export const upper = (value) => value.toUpperCase(); export const other = 1;',
      'object.mjs': 'export const transforms = { upper: (value) => value.toUpperCase() };',
    });
    for (const file of ['named.mjs', 'object.mjs']) {
      const { code } = await call(`check m2.json --types bed.moved,bed.freed --transforms ${file}`);
      expect(code).toBe(0);
    }
    expect((await call('check m2.json')).out).toMatch(/1 error, 0/);
  });
});

describe('mapping explain', () => {
  it('shows every step, and values only where it is asked to', async () => {
    const { code, out } = await setUp({})('explain m.json --event e.json');
    expect(code).toBe(0);
    expect(out)
      .toBe(`appointment.created for client 1001: stored in appointment, served by appointment.*, m.json:11:9

id (key): stored
  by m.json:13:13, inherited from template acme
  read his_appointment_id  (text, 6 characters)

status: stored
  by m.json:14:13, inherited from template acme
  read his_status        (text, 9 characters)
  valueMap visit-status  (text, 9 characters)

at: stored
  by m.json:19:13, inherited from template acme
  read at                        (text, 19 characters)
  type datetime in Asia/Kolkata  (text, 20 characters)

read by no rule: /more
`);
    const revealed = await setUp({})('explain m.json --event e.json --client 1001 --reveal');
    expect(revealed.out).toContain('"2025-03-02T05:00:45Z"');
  });

  it('says why an event is refused, declined or has no mapping', async () => {
    const call = setUp({
      'r.json': { ...EVENT, data: { his_appointment_id: 'SECRET', at: 'x' } },
      'p.json': { type: 'payment.failed', data: {} },
    });
    const refused = await call('explain m.json --event r.json');
    expect(refused.code).toBe(1);
    expect(refused.out).toContain('appointment.created for client 1001: REFUSED by appointment');
    expect(refused.out).toContain('\nREFUSED\n  /his_status  is required\n  /at ');
    expect(refused.out).not.toContain('SECRET');
    expect(await call('explain m.json --event p.json', { HIS_CLIENT: '1001' })).toMatchObject({
      code: 0,
      out: 'payment.failed for client 1001: declined, served by payment.*\n',
    });
    expect(await call('explain m.json --event p.json --client 2')).toMatchObject({
      code: 1,
      out: 'payment.failed for client 2: NO MAPPING\n',
    });
    expect(await call('explain m.json --event p.json')).toMatchObject({
      code: 2,
      err: '--client is needed.\n',
    });
    expect(await call('explain m.json')).toMatchObject({ code: 2, err: '--event is needed.\n' });
  });

  it('prints the faults of a document that cannot be used', async () => {
    const call = setUp({ 'bad.json': '{"clients":\n[]}' });
    expect(await call('explain bad.json --event e.json')).toMatchObject({
      code: 2,
      err: 'bad.json:1:2: error: must be an object (/clients)\n',
    });
  });
});

describe('mapping test', () => {
  const { data } = EVENT;
  const good = {
    client: '1001',
    event: EVENT,
    expected: {
      table: 'appointment',
      key: { id: 'SECRET' },
      values: { at: '2025-03-02T05:00:45Z', status: 'CONFIRMED' },
    },
  };

  it('passes what comes out as expected', async () => {
    const { table: _, ...rest } = good.expected;
    const call = setUp({
      'cases/a.json': good,
      'cases/b.json': { ...good, expected: rest },
      'cases/c.json': { ...good, event: { type: 'payment.failed', data: {} }, expected: null },
      'cases/d.json': {
        ...good,
        event: { type: 'appointment.deleted', data: { his_appointment_id: '1' } },
        expected: { errors: [{ path: '/his_status', message: 'is required' }] },
      },
      'cases/readme.txt': 'not a case',
    });
    expect(await call('test m.json cases')).toEqual({
      code: 0,
      out: 'ok     a.json\nok     b.json\nok     c.json\nok     d.json\n\n4 passed, 0 failed\n',
      err: '',
    });
  });

  it('shows what comes out otherwise', async () => {
    const call = setUp({
      'cases/a.json': {
        ...good,
        expected: { ...good.expected, table: 'visit', values: { status: 'OTHER', more: [1] } },
      },
      'cases/b.json': { ...good, expected: null },
      'cases/c.json': { ...good, client: '2' },
      'cases/d.json': { ...good, event: { type: 'payment.failed', data }, expected: {} },
      'cases/e.json': { ...good, event: { ...EVENT, data: {} } },
    });
    expect(await call('test m.json cases')).toEqual({
      code: 1,
      out: `FAILED a.json
         table: expected "visit", got "appointment"
         values.status: expected "OTHER", got "CONFIRMED"
         values.more: expected [1], got nothing
         values.at: expected nothing, got "2025-03-02T05:00:45Z"
FAILED b.json
         expected it to be declined
FAILED c.json
         there is no mapping for appointment.created of client 2
FAILED d.json
         expected it to be mapped
FAILED e.json
         errors: expected nothing, got [{"path":"/his_appointment_id","message":"is required"},{"path":"/his_status","message":"is required"}]
         table: expected "appointment", got nothing
         key: expected {"id":"SECRET"}, got nothing
         values: expected {"at":"2025-03-02T05:00:45Z","status":"CONFIRMED"}, got nothing

0 passed, 5 failed
`,
      err: '',
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['test m.json', {}, /takes FILE and FOLDER/],
    ['test m.json nowhere', {}, /Cannot read nowhere: ENOENT/],
    ['test m.json cases', { 'cases/x.txt': '' }, /cases has no case/],
    ['test m.json cases', { 'cases/x.json': '{' }, /x\.json: The body is not valid JSON/],
    ['test m.json cases', { 'cases/x.json': {} }, /x\.json: a case is/],
    ['test m.json cases', { 'cases/x.json': { ...good, event: {} } }, /x\.json: a case is/],
    ['test m.json cases', { 'cases/x.json': { ...good, expected: 1 } }, /x\.json: a case is/],
  ])('%s with %j cannot be done', async (command, files, message) => {
    const { code, err } = await setUp(files as Record<string, unknown>)(command);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('mapping diff', () => {
  const newer = JSON.stringify(MAPPING).replace('CONFIRMED', 'BOOKED');

  it('shows what changes', async () => {
    const call = setUp({ 'n.json': newer, 's.ndjson': EVENT });
    expect(await call('diff m.json n.json --samples s.ndjson')).toEqual({
      code: 1,
      out: `client 1001, appointment.created
  status  (text, 9 characters) → (text, 6 characters) (1 event, first: sample 1)

1 difference in 1 sample.
`,
      err: '',
    });
    const revealed = await call('diff m.json n.json --samples s.ndjson --reveal');
    expect(revealed.out).toContain('"CONFIRMED" → "BOOKED"');
  });

  it('is content where nothing does', async () => {
    const call = setUp({ 's.ndjson': EVENT });
    expect(await call('diff m.json m.json --samples s.ndjson')).toEqual({
      code: 0,
      out: 'No difference in 1 sample.\n',
      err: '',
    });
    expect(await call('diff m.json m.json')).toMatchObject({
      code: 2,
      err: '--samples is needed.\n',
    });
  });

  it('names a few of many clients', async () => {
    const clients = Object.fromEntries(
      Array.from({ length: 8 }, (_, i) => [`c${String(i)}`, MAPPING.clients[1001]]),
    );
    const { client_id: _, ...event } = EVENT;
    const call = setUp({
      'a.json': { ...MAPPING, clients },
      'b.json': { ...(JSON.parse(newer) as object), clients },
      's.ndjson': event,
    });
    const { out } = await call('diff a.json b.json --samples s.ndjson');
    expect(out).toContain('clients c0, c1, c2, c3, c4 and 3 more, appointment.created\n');
  });
});

describe('mapping', () => {
  it('explains itself, and knows no other command', async () => {
    const call = setUp({});
    expect((await call('--help')).out).toContain('check FILE [--samples EVENTS]');
    expect(await call('lint m.json')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^Unknown command: mapping lint\n\nhis-webhook mapping/) as string,
    });
    expect((await call('toString')).code).toBe(2);
  });
});
