import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import type { JsonObject, JsonValue } from '../../src/events.ts';
import { compileMappings, type CompileOptions } from '../../src/mapping/compile.ts';
import type {
  ClientDocument,
  EventMappingDocument,
  FieldDocument,
  MappingDocument,
} from '../../src/mapping/document.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import { transformFields } from '../../src/mapping/transform.ts';
import type { CompiledMapping } from '../../src/mapping/types.ts';

const TYPE = 'appointment.created';

function compile(
  mapping: EventMappingDocument,
  document: Partial<MappingDocument> = {},
  options: CompileOptions = {},
): CompiledMapping {
  const clients = { c: { timezone: 'Asia/Kolkata', mappings: { [TYPE]: mapping } } };
  return resolveMapping(compileMappings({ ...document, clients }, options), 'c', TYPE)!;
}

/** What a field makes of `data`: the value of column `x`, or the faults. */
function field(
  rule: FieldDocument,
  data: JsonObject,
  document: Partial<MappingDocument> = {},
  options: CompileOptions = {},
): unknown {
  const mapping = compile({ key: ['k'], fields: { k: 'k', s: rule } }, document, options);
  const result = transformFields(mapping, { k: '1', ...data });
  return result.ok ? result.values['x'] : result.errors;
}

const fault = (message: string, path = '/s') => [{ path, message }];

describe('fallback, default and required', () => {
  const rule = { to: 'x', fallback: ['old.s', 'older'], default: 'none' } as const;

  it.each<[string, JsonObject, unknown]>([
    ['the field itself', { s: 1, older: 2 }, 1],
    ['the first fallback that is there', { old: { s: 2 }, older: 3 }, 2],
    ['the next one', { old: {}, older: 3 }, 3],
    ['the default', {}, 'none'],
    ['null, which is a value', { s: null, older: 3 }, null],
    ['an empty string, which is a value', { s: '' }, ''],
  ])('reads %s', (_, data, expected) => {
    expect(field(rule, data)).toEqual(expected);
  });

  it('points at the source that was read', () => {
    const integer = { to: 'x', type: 'integer', fallback: ['a.b', 'c'] } as const;
    expect(field(integer, { a: { b: 'x' } })).toMatchObject([{ path: '/a/b' }]);
    expect(field(integer, { 'a.b': 'x' })).toMatchObject([{ path: '/a.b' }]);
    expect(field({ ...integer, required: true }, {})).toMatchObject([{ path: '/s' }]);
  });

  it('puts a default through the value map and the type', () => {
    const codes = { valueMaps: { m: { '?': '7' } } };
    expect(field({ to: 'x', default: '?', valueMap: 'm', type: 'integer' }, {}, codes)).toBe(7);
  });

  it('refuses null where a value is required, also one that a value map gives', () => {
    const rule = { to: 'x', required: true, valueMap: 'm' } as const;
    const codes = { valueMaps: { m: { none: null } } };
    expect(field(rule, { s: null }, codes)).toEqual(fault('is required'));
    expect(field(rule, { s: 'none' }, codes)).toEqual(fault('is required'));
  });
});

describe('value maps', () => {
  const codes = { valueMaps: { m: { a: 'A', 1: 'one', true: false, '': 'empty', n: null } } };
  const rule = { to: 'x', valueMap: 'm' } as const;

  it.each<[JsonValue, unknown]>([
    ['a', 'A'],
    [1, 'one'],
    ['1', 'one'],
    [true, false],
    ['', 'empty'],
    ['n', null],
    [null, null],
    ['A', fault('is not in the value map')],
    ['constructor', fault('is not in the value map')],
    ['__proto__', fault('is not in the value map')],
    [1.5, fault('must be a string, an integer, true or false to be in a value map')],
    [['a'], fault('must be a string, an integer, true or false to be in a value map')],
  ])('make of %j %j', (value, expected) => {
    expect(field(rule, { s: value }, codes)).toEqual(expected);
  });

  it('keep what they do not have, or put something in its place, where the rule says so', () => {
    const keep = { ...rule, onUnmapped: 'keep' } as const;
    const use = { ...rule, onUnmapped: { use: 'OTHER' } } as const;
    expect(field(keep, { s: 'b' }, codes)).toBe('b');
    expect(field(keep, { s: ['b'] }, codes)).toEqual(['b']);
    expect(field(use, { s: 'b' }, codes)).toBe('OTHER');
    expect(field({ ...rule, onUnmapped: { use: null } }, { s: 'b' }, codes)).toBeNull();
  });
});

describe('values of every kind', () => {
  it.each<[string, JsonValue]>([
    ['an identifier with zeros', '007'],
    ['a decimal of any length', '0.1000000000000000000000000000000000001'],
    ['an empty string', ''],
    ['HTML', '<script>alert("x")</script>&amp;'],
    ['control characters', 'a\u0001\u001f\u007f\u2028\r\n\t'],
    ['null', null],
    ['an object', { a: [1, { b: null }] }],
  ])('pass a plain rename untouched: %s', (_, value) => {
    expect(field('x', { s: value })).toEqual(value);
    if (typeof value === 'string')
      expect(field({ to: 'x', type: 'string' }, { s: value })).toBe(value);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'are read from an own key %s, and from no other',
    (name) => {
      const mapping = compile({
        key: ['k'],
        fields: {
          k: 'k',
          [name]: ['a', { to: 'c', type: 'json' }, { to: 'd', fallback: [name] }],
          [`o.${name}`]: { to: 'b', type: 'string' },
        },
      });
      expect(transformFields(mapping, { k: '1', o: {} })).toEqual({
        ok: true,
        key: { k: '1' },
        values: {},
      });
      expect(transformFields(mapping, { k: '1', [name]: 'v', o: { [name]: 'w' } })).toMatchObject({
        values: { a: 'v', b: 'w', c: 'v', d: 'v' },
      });
    },
  );

  it('read __proto__ as any key where a document that was parsed maps it', () => {
    const fields = JSON.parse('{"k":"k","__proto__":"x","a.__proto__":"y"}') as Record<
      string,
      string
    >;
    const mapping = compile({ key: ['k'], fields });
    const data = JSON.parse('{"k":"1","__proto__":"p","a":{"__proto__":"q"}}') as JsonObject;
    expect(transformFields(mapping, data)).toMatchObject({ values: { x: 'p', y: 'q' } });
    expect(transformFields(mapping, { k: '1', a: {} })).toMatchObject({ values: {} });
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('go to columns named like members of every object', () => {
    const mapping = compile({ key: ['k'], fields: { k: 'k', s: 'constructor', t: 'toString' } });
    const result = transformFields(mapping, { k: '1', s: 'a', t: 'b' });
    expect(result.ok && Object.entries(result.values)).toEqual([
      ['constructor', 'a'],
      ['toString', 'b'],
    ]);
  });
});

describe('transforms', () => {
  const transforms: NonNullable<CompileOptions['transforms']> = {
    upper: (value) => (value as string).toUpperCase(),
    pad: (value, { parameters }) =>
      (value as string).padStart((parameters as { to: number }).to, '0'),
    join: (value, { data }) => `${value as string} ${data['last'] as string}`,
    leak: (value) => {
      throw new Error(`bad value ${value as string}`);
    },
    nothing: () => undefined as unknown as JsonValue,
    promise: () => Promise.reject(new Error('late')) as unknown as JsonValue,
    circular: () => {
      const list: unknown[] = [];
      list.push(list);
      return list as JsonValue;
    },
    getter: () => ({
      get a(): never {
        throw new Error('getter');
      },
    }),
    blank: () => null,
    number: () => 7,
  };
  const run = (transform: unknown, data: JsonObject, more: object = {}) =>
    field({ to: 'x', transform, ...more } as FieldDocument, data, {}, { transforms });

  it.each<[unknown, JsonObject, unknown]>([
    ['upper', { s: 'a' }, 'A'],
    [{ name: 'pad', parameters: { to: 3 } }, { s: '7' }, '007'],
    [{ name: 'join' }, { s: 'A', last: 'B' }, 'A B'],
    ['upper', {}, undefined],
    ['leak', { s: null }, null],
    ['blank', { s: 'a' }, null],
    ['leak', { s: 'SECRET' }, fault('transform "leak" failed')],
    ['nothing', { s: 'a' }, fault('transform "nothing" gave no JSON value')],
    ['promise', { s: 'a' }, fault('transform "promise" gave no JSON value')],
    ['circular', { s: 'a' }, fault('transform "circular" gave no JSON value')],
    ['getter', { s: 'a' }, fault('transform "getter" failed')],
  ])('%j of %j is %j', (transform, data, expected) => {
    expect(run(transform, data)).toEqual(expected);
  });

  it('come last, and give the type of the field', () => {
    expect(run('upper', { s: 7 }, { type: 'string' })).toBe('7');
    expect(run('number', { s: 'a' }, { type: 'string' })).toBe('7');
    expect(run('number', { s: '8' }, { type: 'integer' })).toBe(7);
    expect(run('leak', { s: 'x' }, { type: 'integer' })).toEqual(
      fault('must be an integer below 2^53, as a number or in plain digits'),
    );
    expect(run('upper', { s: '2025-03-02' }, { type: 'date' })).toBe('2025-03-02');
    expect(run('blank', { s: 'a' }, { required: true })).toEqual(fault('is required'));
  });

  it('are functions, or the receiver is never made', () => {
    expect(() => compileMappings({ clients: {} }, { transforms: { x: 'code' as never } })).toThrow(
      new ConfigurationError('transforms: "x" must be a function.'),
    );
  });
});

describe('zones', () => {
  const at = (
    client: Partial<ClientDocument>,
    mapping: Partial<EventMappingDocument>,
    rule: object,
    data: JsonObject,
  ): unknown => {
    const set = compileMappings({
      clients: {
        c: {
          ...client,
          mappings: {
            [TYPE]: {
              key: ['k'],
              ...mapping,
              fields: { k: 'k', s: { to: 'x', type: 'datetime', ...rule } },
            },
          },
        },
      },
    });
    const result = transformFields(resolveMapping(set, 'c', TYPE)!, { k: '1', ...data });
    return result.ok ? result.values['x'] : result.errors;
  };
  const NOON = { s: '2025-06-01T12:00:00' };
  const client = { timezone: 'Asia/Kolkata' };
  const mapping = { timezone: 'Europe/Berlin' };
  const own = { timezone: 'America/New_York' };
  const byPath = { timezone: { path: 'site.tz' } };

  it.each<[string, unknown, string]>([
    ['the client', at(client, {}, {}, NOON), '2025-06-01T06:30:00Z'],
    ['the mapping, before the client', at(client, mapping, {}, NOON), '2025-06-01T10:00:00Z'],
    ['the field, before both', at(client, mapping, own, NOON), '2025-06-01T16:00:00Z'],
    [
      'the value itself, before all',
      at(client, mapping, own, { s: '2025-06-01T12:00:00Z' }),
      '2025-06-01T12:00:00Z',
    ],
    [
      'the field although the value has an offset',
      at(client, mapping, { ...own, offset: 'ignore' }, { s: '2025-06-01T12:00:00Z' }),
      '2025-06-01T16:00:00Z',
    ],
    [
      'a source field',
      at(client, {}, byPath, { ...NOON, site: { tz: 'Asia/Tokyo' } }),
      '2025-06-01T03:00:00Z',
    ],
    [
      'what is next, where that is missing',
      at(client, mapping, byPath, NOON),
      '2025-06-01T10:00:00Z',
    ],
    [
      'what is next, where that is null',
      at(client, byPath, {}, { ...NOON, site: { tz: null } }),
      '2025-06-01T06:30:00Z',
    ],
  ])('come from %s', (_, result, expected) => {
    expect(result).toBe(expected);
  });

  it('are a fault of the event where its own is none, or is missing and there is no other', () => {
    const wrong = { ...NOON, site: { tz: 'Mars/Olympus' } };
    expect(at(client, {}, byPath, wrong)).toEqual(
      fault('is in a zone that is not an IANA time zone'),
    );
    expect(at(byPath, {}, {}, NOON)).toEqual(fault('has no offset, and no zone is known'));
  });

  it('follow disambiguation', () => {
    const skipped = { s: '2025-03-09T02:30:00' };
    expect(at({}, own, {}, skipped)).toBe('2025-03-09T07:30:00Z');
    expect(at({}, own, { disambiguation: 'earlier' }, skipped)).toBe('2025-03-09T06:30:00Z');
    expect(at({}, own, { disambiguation: 'reject' }, skipped)).toHaveLength(1);
  });
});

describe('inheritance', () => {
  const base: ClientDocument = {
    timezone: 'Europe/Berlin',
    mappings: {
      'appointment.*': {
        key: ['k'],
        table: 'visits',
        unmapped: 'error',
        constants: { a: 1, b: 1 },
        fields: { k: 'k', s: 'status', at: { to: 'at', type: 'datetime' }, note: 'note' },
      },
      'payment.*': null,
      'schedule.*': { fields: { his_schedule_id: 'id' } },
    },
  };
  const DATA = { k: '1', s: 'x', at: '2025-06-01T12:00:00', note: 'n' };
  const stored = (client: ClientDocument, data: JsonObject = DATA, more: object = {}) => {
    const set = compileMappings({ templates: { base, ...more }, clients: { c: client } });
    const mapping = resolveMapping(set, 'c', 'appointment.updated');
    return mapping ? { table: mapping.table, ...transformFields(mapping, data) } : mapping;
  };
  const values = { status: 'x', at: '2025-06-01T10:00:00Z', note: 'n', a: 1, b: 1 };

  it('takes everything of a template', () => {
    expect(stored({ extends: 'base' })).toEqual({
      table: 'visits',
      ok: true,
      key: { k: '1' },
      values,
    });
    const set = compileMappings({ templates: { base }, clients: { c: { extends: 'base' } } });
    expect(resolveMapping(set, 'c', 'payment.failed')).toBeNull();
  });

  it('has the own zone, fields by their source, constants by their column, and the rest replaced', () => {
    const client: ClientDocument = {
      extends: 'base',
      timezone: 'Asia/Kolkata',
      mappings: {
        'appointment.*': {
          unmapped: 'ignore',
          constants: { b: 2, c: 2 },
          fields: { s: { to: 'state', type: 'string' }, note: null, extra: 'extra' },
        },
      },
    };
    expect(stored(client, { ...DATA, extra: true })).toMatchObject({
      table: 'visits',
      key: { k: '1' },
      values: { state: 'x', at: '2025-06-01T06:30:00Z', extra: true, a: 1, b: 2, c: 2 },
    });
  });

  it('lets a client with fields only inherit table and key, and one without fields inherit those', () => {
    expect(
      stored({ extends: 'base', mappings: { 'appointment.*': { table: 'other' } } }),
    ).toMatchObject({ table: 'other', values });
  });

  it('lets a client decline what is inherited, and take what the template declines', () => {
    expect(stored({ extends: 'base', mappings: { 'appointment.*': null } })).toBeNull();
    const set = compileMappings({
      templates: { base },
      clients: {
        c: { extends: 'base', mappings: { 'payment.*': { fields: { his_payment_id: 'id' } } } },
      },
    });
    expect(resolveMapping(set, 'c', 'payment.failed')).toMatchObject({ table: 'payment' });
  });

  it('prefers an exact type, inherited or not, and inherits nothing from the wildcard then', () => {
    const exact = { 'appointment.updated': { key: ['id'], fields: { k: 'id' } } };
    expect(stored({ extends: 'base', mappings: exact })).toEqual({
      table: 'appointment',
      ok: true,
      key: { id: '1' },
      values: {},
    });
  });

  it('has zone and unmapped of the inherited mapping where the own one has none', () => {
    const templates = {
      t: {
        timezone: 'Asia/Kolkata',
        mappings: {
          'appointment.*': {
            key: ['k'],
            timezone: 'Europe/Berlin',
            unmapped: 'error' as const,
            fields: { k: 'k', at: { to: 'at', type: 'datetime' as const } },
          },
        },
      },
    };
    const mappings = { 'appointment.*': { fields: { s: 's' } } };
    const set = compileMappings({ templates, clients: { c: { extends: 't', mappings } } });
    const mapping = resolveMapping(set, 'c', TYPE)!;
    const data = { k: '1', at: '2025-06-01T12:00:00', s: 1 };
    expect(transformFields(mapping, data)).toMatchObject({
      values: { at: '2025-06-01T10:00:00Z', s: 1 },
    });
    expect(transformFields(mapping, { ...data, x: 1 })).toMatchObject({
      errors: [{ path: '/x' }],
    });
  });

  it('keeps clients of one template apart by their zones, with and without mappings of their own', () => {
    const templates = {
      t: {
        mappings: {
          'appointment.*': {
            key: ['k'],
            fields: { k: 'k', at: { to: 'at', type: 'datetime' as const } },
          },
          'service.*': { fields: { his_service_id: 'id' } },
        },
      },
    };
    const own = { 'service.*': null };
    const clients = {
      a: { extends: 't', timezone: 'Asia/Kolkata' },
      b: { extends: 't', timezone: 'Europe/Berlin' },
      c: { extends: 't', timezone: 'Asia/Kolkata', mappings: own },
      d: { extends: 't', timezone: 'Europe/Berlin', mappings: own },
      e: { extends: 't', timezone: { path: 'tz' } },
      f: { extends: 't', timezone: { path: 'zone' } },
      g: { extends: 't', timezone: 'Asia/Kolkata' },
    };
    const set = compileMappings({ templates, clients });
    const data = { k: '1', at: '2025-06-01T12:00:00', tz: 'UTC', zone: 'Asia/Tokyo' };
    const found = Object.keys(clients).map((client) => {
      const result = transformFields(resolveMapping(set, client, TYPE)!, data);
      return result.ok ? result.values['at'] : result.errors;
    });
    expect(found).toEqual([
      '2025-06-01T06:30:00Z',
      '2025-06-01T10:00:00Z',
      '2025-06-01T06:30:00Z',
      '2025-06-01T10:00:00Z',
      '2025-06-01T12:00:00Z',
      '2025-06-01T03:00:00Z',
      '2025-06-01T06:30:00Z',
    ]);
    expect(resolveMapping(set, 'c', 'service.created')).toBeNull();
    // Those that are the same are one.
    expect(set.clients.get('g')).toBe(set.clients.get('a'));
  });

  it('goes over several templates', () => {
    const middle = {
      middle: { extends: 'base', mappings: { 'appointment.*': { fields: { s: null } } } },
    };
    const { status: _, ...rest } = values;
    expect(stored({ extends: 'middle' }, DATA, middle)).toMatchObject({ values: rest });
  });
});

describe('unmapped', () => {
  const result = (unmapped: 'ignore' | 'warn' | 'error', data: JsonObject) =>
    transformFields(
      compile({
        key: ['k'],
        unmapped,
        timezone: { path: 'meta.tz' },
        fields: {
          k: 'k',
          'a.b[0].c': 'x',
          whole: 'y',
          dropped: null,
          s: { to: 'z', fallback: ['t.u'] },
          'flat.key': 'flat',
        },
      }),
      { k: '1', ...data },
    );
  const paths = (data: JsonObject): unknown => {
    const found = result('warn', data);
    return found.ok ? (found.warnings ?? []).map(({ path }) => path) : found.errors;
  };

  it('is left behind, warned of, or refused', () => {
    const faults = [{ path: '/new', message: 'is not mapped' }];
    expect(result('ignore', { new: 1 })).toEqual({ ok: true, key: { k: '1' }, values: {} });
    expect(result('warn', { new: 1 })).toEqual({
      ok: true,
      key: { k: '1' },
      values: {},
      warnings: faults,
    });
    expect(result('error', { new: 1 })).toEqual({ ok: false, errors: faults });
    expect(result('error', { k: '', new: 1 })).toMatchObject({
      errors: [{ path: '/k' }, { path: '/new' }],
    });
  });

  it.each<[JsonObject, string[]]>([
    [{ a: { b: [{ c: 1 }, { c: 2 }] }, whole: { deep: [1] }, dropped: 1, t: { u: 1 } }, []],
    [{ meta: { tz: 'UTC' }, 'flat.key': 1, flat: { key: 1 }, 'a.b[0].c': 1 }, []],
    [{ a: { b: [{ c: 1, d: 2 }, { d: 3 }], e: 4 }, t: 5 }, ['/a/b/0/d', '/a/e', '/t']],
    [{ a: null, t: { u: 1, v: { w: 1 } }, meta: { 'x/y': 1 } }, ['/t/v', '/meta/x~1y']],
    [{ 'bad\nname': 1, ['x'.repeat(300)]: 1 }, ['']],
  ])('of %j is %j', (data, expected) => {
    expect(paths(data)).toEqual(expected);
  });

  it('is named up to twenty times', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`n${String(i)}`, i]));
    expect(paths(many)).toHaveLength(20);
    expect(paths({ a: many })).toHaveLength(20);
  });
});

describe('no input', () => {
  const EVERYTHING: MappingDocument = {
    valueMaps: { m: { a: 1, b: null } },
    clients: {
      c: {
        timezone: { path: 'tz' },
        mappings: {
          [TYPE]: {
            unmapped: 'error',
            constants: { cst: [1] },
            fields: {
              his_appointment_id: ['id', 'copy'],
              'a.b[0]': { to: 'ab', type: 'string', fallback: ['a', 'c.d'] },
              a: { to: 'a', valueMap: 'm', onUnmapped: 'keep' },
              b: { to: 'b', type: 'integer', valueMap: 'm' },
              c: { to: 'c', type: 'json' },
              tz: { to: 'tz', type: 'datetime' },
              d: { to: 'd', type: 'datetime', format: 'epoch-seconds' },
              e: {
                to: 'e',
                type: 'datetime',
                format: 'dd.MM.yyyy HH:mm',
                disambiguation: 'reject',
              },
              f: { to: 'f', type: 'date' },
              g: { to: 'g', type: 'decimal' },
              h: { to: 'h', type: 'number', required: true },
              i: { to: 'i', type: 'boolean', transform: 'any' },
            },
          },
        },
      },
    },
  };
  const set = compileMappings(EVERYTHING, { transforms: { any: (value) => value } });
  const mapping = resolveMapping(set, 'c', TYPE)!;
  const keys = fc.constantFrom(
    ...['his_appointment_id', ...'abcdefghi'.split(''), 'tz', '__proto__', 'constructor', 'a.b[0]'],
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('007', '1e400', '2025-03-02T10:30:45', '2026-02-30', '24:61', 'UTC', '-0'),
    fc.string({ unit: fc.constantFrom(...'0123456789-:TZ.+ '.split('')) }),
  );

  it('makes transformFields throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.dictionary(keys, fc.oneof(texts, fc.double(), fc.anything({ withBigInt: true }))),
          fc.anything(),
        ),
        (data) => {
          const result = transformFields(mapping, data as JsonObject);
          expect(result.ok || result.errors.length > 0).toBe(true);
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
