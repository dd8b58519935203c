import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import { diffMappings } from '../../src/mapping/diff.ts';
import type { EventMappingDocument, MappingDocument } from '../../src/mapping/document.ts';
import { lintMapping } from '../../src/mapping/lint.ts';
import type { MappingSample } from '../../src/mapping/samples.ts';
import { SAMPLE_MAPPING } from '../support/document.ts';

const TYPE = 'appointment.created';
const MAPPING: EventMappingDocument = {
  key: ['k'],
  constants: { source: 'HIS' },
  fields: {
    k: 'k',
    'a.b': { to: 'ab', type: 'integer' },
    status: 'status',
    never: 'never',
  },
};
const DOCUMENT: MappingDocument = {
  templates: { t: { mappings: { [TYPE]: MAPPING, 'payment.*': null } } },
  clients: {
    1: { extends: 't' },
    2: { extends: 't' },
    3: { mappings: { [TYPE]: { ...MAPPING, fields: { k: 'k' } } } },
  },
};
const sample = (data: JsonObject, clientId?: string, type = TYPE): MappingSample => ({
  ...(clientId === undefined ? {} : { clientId }),
  type,
  data: { k: '1', ...data },
});

describe('lintMapping', () => {
  it('returns faults and warnings instead of throwing', () => {
    expect(lintMapping('{"clients":1}')).toMatchObject({
      faults: [{ path: '/clients', line: 1 }],
      warnings: [],
      mappings: undefined,
      coverage: [],
    });
    const report = lintMapping('{"valueMaps":{"m":{}},"clients":{}}');
    expect(report).toMatchObject({ faults: [], warnings: [{ path: '/valueMaps/m' }] });
    expect(lintMapping(SAMPLE_MAPPING).mappings?.clients.has('1001')).toBe(true);
  });

  it('tells, per mapping, which columns and fields are never used and which values are refused', () => {
    const samples = [
      sample({ a: { b: 'SECRET' }, extra: { deep: 1 } }, '1'),
      sample({ a: { b: 'HIDDEN' }, 'odd/name': 1 }, '1'),
      sample({ a: { b: 7 } }, '1'),
    ];
    const { coverage } = lintMapping(DOCUMENT, { samples });
    expect(coverage).toEqual([
      {
        clients: ['1'],
        type: TYPE,
        status: 'mapped',
        events: 3,
        neverFilled: ['status', 'never'],
        neverUsed: ['/extra', '/odd~1name'],
        failures: [
          {
            path: '/a/b',
            message: 'must be an integer below 2^53, as a number or in plain digits',
            events: 2,
            sample: 1,
          },
        ],
        warnings: [],
      },
    ]);
    expect(JSON.stringify(coverage)).not.toMatch(/SECRET|HIDDEN/);
  });

  it('tries events of nobody on every client, those with one mapping together', () => {
    const samples = [
      sample({}),
      sample({}, '3'),
      sample({}, '9'),
      sample({}, '1', 'payment.failed'),
    ];
    const { coverage } = lintMapping(DOCUMENT, { samples });
    expect(
      coverage.map(({ clients, status, type, events }) => [clients, status, type, events]),
    ).toEqual([
      [['1', '2'], 'mapped', TYPE, 1],
      [['3'], 'mapped', TYPE, 1],
      [['3'], 'mapped', TYPE, 1],
      [['9'], 'unmapped', TYPE, 1],
      [['1'], 'declined', 'payment.failed', 1],
    ]);
  });

  it('warns of a key that is spelled like a whole path and shadows it', () => {
    const samples = [sample({ 'a.b': 1, a: { b: 2 } }, '1'), sample({ 'a.b': 1 }, '1')];
    const { coverage } = lintMapping(DOCUMENT, { samples });
    expect(coverage[0]?.warnings).toEqual([
      {
        path: '/a/b',
        message: 'is also there as the flat key a.b, which is read instead',
        events: 1,
        sample: 1,
      },
    ]);
  });
});

describe('diffMappings', () => {
  const older = compileMappings(DOCUMENT);
  const with3 = (mapping: EventMappingDocument | null) =>
    compileMappings({
      ...DOCUMENT,
      clients: { ...DOCUMENT.clients, 3: { mappings: { [TYPE]: mapping } } },
    });
  const samples = [sample({ status: 'a' }, '3'), sample({ status: 'b' }, '3'), sample({}, '1')];
  const FIELDS = { k: 'k', status: 'status' };

  it('is empty where nothing changes', () => {
    expect(diffMappings(older, compileMappings(DOCUMENT), samples)).toEqual([]);
  });

  it('tells which columns change, for whom, in how many events; values only where asked to', () => {
    const newer = with3({ ...MAPPING, fields: FIELDS });
    const change = {
      clients: ['3'],
      type: TYPE,
      subject: 'status',
      before: 'missing',
      events: 2,
      sample: 1,
    };
    expect(diffMappings(older, newer, samples)).toEqual([
      { ...change, after: '(text, 1 character)' },
    ]);
    expect(diffMappings(older, newer, samples, { reveal: true })).toEqual([
      { ...change, after: '"a"' },
    ]);
    expect(diffMappings(newer, older, samples)[0]).toMatchObject({ after: 'missing' });
  });

  it('tells what becomes of events as a whole', () => {
    const subjects = (mapping: EventMappingDocument | null) =>
      diffMappings(older, with3(mapping), samples, { reveal: true }).map(
        ({ subject, before, after }) => `${subject}: ${before} → ${after}`,
      );
    expect(subjects(null)).toEqual([
      '(event): stored in appointment → declined',
      'k: "1" → missing',
      'source: "HIS" → missing',
    ]);
    expect(
      subjects({ ...MAPPING, fields: { k: { to: 'k' }, no: { to: 'no', required: true } } }),
    ).toEqual([
      '(event): stored in appointment → refused',
      'k: "1" → missing',
      'source: "HIS" → missing',
      '(error) /no: missing → is required',
    ]);
    expect(subjects({ ...MAPPING, table: 'visits', fields: { k: 'k' } })).toEqual([
      '(event): stored in appointment → stored in visits',
    ]);
    const fewer = compileMappings({ clients: {} });
    expect(
      diffMappings(older, fewer, [sample({})]).map(({ clients, subject, after }) => [
        clients,
        subject,
        after,
      ]),
    ).toEqual([
      [['1', '2'], '(event)', 'has no mapping'],
      [['1', '2'], 'k', 'missing'],
      [['1', '2'], 'source', 'missing'],
      [['3'], '(event)', 'has no mapping'],
      [['3'], 'k', 'missing'],
      [['3'], 'source', 'missing'],
    ]);
  });

  it('takes no option that nobody knows', () => {
    expect(() => diffMappings(older, older, [], { show: true } as object)).toThrow(
      /no option show/,
    );
  });
});
