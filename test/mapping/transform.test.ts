import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HisEvent, JsonObject } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { CompiledMapping } from '../../src/mapping/types.ts';
import type { EventMappingDocument } from '../../src/mapping/document.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import { transformFields } from '../../src/mapping/transform.ts';
import { SAMPLE_MAPPING, SAMPLE_REQUEST } from '../support/document.ts';

function mappingOf(mapping: EventMappingDocument): CompiledMapping {
  const set = compileMappings({ clients: { c: { mappings: { 'appointment.created': mapping } } } });
  return resolveMapping(set, 'c', 'appointment.created')!;
}

const read = (source: string, data: JsonObject) => {
  const mapping = mappingOf({ key: ['key'], fields: { key: 'key', [source]: 'x' } });
  const result = transformFields(mapping, { ...data, key: 'k' });
  return result.ok ? result.values['x'] : result.errors;
};

describe('transformFields', () => {
  it("turns the document's event into the five columns", () => {
    const mapping = resolveMapping(compileMappings(SAMPLE_MAPPING), '1001', 'appointment.created')!;
    expect(transformFields(mapping, (JSON.parse(SAMPLE_REQUEST) as HisEvent).data)).toEqual({
      ok: true,
      key: { buktor_appointment_id: 'A123' },
      values: {
        buktor_patient_id: 'P456',
        buktor_doctor_id: 'D789',
        buktor_status: 'confirmed',
        buktor_created_at: '2025-03-02T10:30:45',
      },
    });
  });

  it('leaves a missing field missing, and a null null; default fills the missing only', () => {
    const mapping = mappingOf({
      fields: {
        his_appointment_id: 'id',
        a: 'a',
        b: 'b',
        c: { to: 'c', default: 'none' },
        d: { to: 'd', default: 'none' },
        e: { to: 'e', default: null },
        f: { to: 'f', default: 7, required: true },
      },
    });
    expect(transformFields(mapping, { his_appointment_id: 'A1', b: null, d: null })).toEqual({
      ok: true,
      key: { id: 'A1' },
      values: { b: null, c: 'none', d: null, e: null, f: 7 },
    });
  });

  it('reports every required field that is missing or null, by its pointer', () => {
    const mapping = mappingOf({
      fields: {
        his_appointment_id: 'id',
        'patient.name': { to: 'name', required: true },
        'a/b': { to: 'ab', required: true },
      },
    });
    expect(transformFields(mapping, { 'a/b': null })).toEqual({
      ok: false,
      errors: [
        { path: '/his_appointment_id', message: 'is required' },
        { path: '/patient/name', message: 'is required' },
        { path: '/a~1b', message: 'is required' },
      ],
    });
  });

  it('passes values on untouched, drops what is unmapped or null, fans out, adds constants', () => {
    const mapping = mappingOf({
      constants: { source: 'HIS', flags: [1] },
      fields: {
        his_appointment_id: ['id', 'copy'],
        zeros: 'zeros',
        html: 'html',
        nested: 'nested',
        note: null,
      },
    });
    const data = {
      his_appointment_id: '007',
      zeros: '0010',
      html: '<b>&amp;\u0007</b>',
      nested: { a: [1, null] },
      note: 'x',
      unmapped: 'y',
    };
    expect(transformFields(mapping, data)).toEqual({
      ok: true,
      key: { id: '007' },
      values: {
        copy: '007',
        zeros: '0010',
        html: '<b>&amp;\u0007</b>',
        nested: { a: [1, null] },
        source: 'HIS',
        flags: [1],
      },
    });
  });

  it.each<[unknown, string | undefined]>([
    ['A 1', 'A 1'],
    [7, '7'],
    [-0, '0'],
    [2 ** 53 - 1, '9007199254740991'],
    ['', undefined],
    [1.5, undefined],
    [2 ** 53, undefined],
    [true, undefined],
    [['a'], undefined],
    [{}, undefined],
  ])('makes of the key %j the text %j', (value, text) => {
    const mapping = mappingOf({ fields: { his_appointment_id: 'id' } });
    const result = transformFields(mapping, { his_appointment_id: value } as JsonObject);
    if (text !== undefined) expect(result).toEqual({ ok: true, key: { id: text }, values: {} });
    else {
      expect(result).toEqual({
        ok: false,
        errors: [
          {
            path: '/his_appointment_id',
            message: 'must be a string that is not empty, or an integer below 2^53',
          },
        ],
      });
    }
  });

  it('throws at no data', () => {
    const mapping = mappingOf({
      fields: {
        his_appointment_id: 'id',
        'a.b[0].c': 'abc',
        'x[1]': { to: 'x', default: [] },
        constructor: 'constructor',
        toString: { to: 'to_string', required: true },
      },
    });
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('his_appointment_id', 'a', 'x', 'constructor', 'toString', '__proto__'),
          fc.jsonValue(),
        ),
        (data) => {
          const result = transformFields(mapping, data as JsonObject);
          if (!result.ok) expect(result.errors.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('source paths', () => {
  const data = {
    a: { b: [{ c: 'deep' }, 'second'], 'x.y': 'inner' },
    'a.b[0].c': null,
    'q.r': 'flat',
    q: { r: 'nested' },
    list: ['zero'],
    'odd[': 'odd',
    '.': 'dot',
  };

  it.each<[string, unknown]>([
    ['a.b[1]', 'second'],
    ['a.b[0].c', null],
    ['q.r', 'flat'],
    ['list[0]', 'zero'],
    ['list[1]', undefined],
    ['list.0', undefined],
    ['list.length', undefined],
    ['a[b]', undefined],
    ['a.x.y', undefined],
    ['odd[', 'odd'],
    ['.', 'dot'],
    ['a..b', undefined],
    ['missing.deep[3].er', undefined],
    ['constructor', undefined],
    ['constructor.name', undefined],
    ['__proto__', undefined],
    ['__proto__.constructor', undefined],
    ['a.hasOwnProperty', undefined],
  ])('%s reads %j', (source, value) => {
    expect(read(source, data)).toEqual(value);
  });

  it('reads own properties named like inherited ones', () => {
    expect(read('constructor', JSON.parse('{"constructor":"c"}') as JsonObject)).toBe('c');
    expect(read('a.toString', { a: { toString: 1 } })).toBe(1);
    expect(read('__proto__', JSON.parse('{"__proto__":"p"}') as JsonObject)).toBe('p');
  });
});
