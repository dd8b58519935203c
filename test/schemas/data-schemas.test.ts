import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/events.ts';
import {
  compileDataSchemas,
  type DataSchema,
  type DataSchemaOptions,
} from '../../src/schemas/data-schemas.ts';
import { MAX_POINTER } from '../../src/mapping/path.ts';
import { MAX_FAULTS } from '../../src/schemas/faults.ts';
import { MARKED_NUMBER, MARKER, schemaOfA, VIOLATIONS } from '../support/data-schemas.ts';

/** The faults of the data of one event. */
const faultsOf = (schema: DataSchema, data: JsonObject, options?: DataSchemaOptions) =>
  compileDataSchemas({ 'payment.failed': schema }, options).validate('payment.failed', data);

/** What is thrown for schemas at fault, a line each. */
function refusalOf(schemas: unknown, options?: unknown): string[] {
  try {
    compileDataSchemas(schemas as never, options as never);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message.split('\n');
  }
  throw new Error('nothing was thrown');
}

const of = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';

describe('the faults of data', () => {
  it('are listed all at once, each with its place', () => {
    const schema = of(
      {
        his_status: { enum: ['confirmed', 'cancelled'] },
        'a/b~c': { type: 'string' },
        born: { type: ['string', 'null'], format: 'date' },
        phones: { type: 'array', items: of({ value: { type: 'string' } }, { required: ['kind'] }) },
        his_id: true,
      },
      { required: ['his_id'], additionalProperties: false, dependentRequired: { born: ['at'] } },
    );
    const data = {
      his_status: 'x',
      'a/b~c': 1,
      born: '2025-02-30',
      phones: [{ value: 'y', kind: 1 }, { value: 2 }],
      'no/t': 1,
    };
    const found = faultsOf(schema, data).map(({ path, message }) => `${path} ${message}`);
    expect(found.sort()).toEqual([
      '/at is required where born is present',
      '/a~1b~0c must be a string',
      '/born must match format "date"',
      '/his_id is required',
      '/his_status must be one of the allowed values',
      '/no~1t is not allowed',
      '/phones/1/kind is required',
      '/phones/1/value must be a string',
    ]);
    const good = { his_status: 'confirmed', 'a/b~c': '1', his_id: 1, phones: [] };
    expect(faultsOf(schema, good)).toEqual([]);
  });

  it('are phrased as the rest of the package phrases them', () => {
    const message = (schema: DataSchema, value: unknown) =>
      faultsOf(schemaOfA(schema), { a: value } as JsonObject).map((fault) => fault.message);
    expect(message({ type: ['object', 'null'] }, 1)).toEqual(['must be an object or null']);
    expect(message({ type: 'integer' }, 1.5)).toEqual(['must be a whole number']);
    expect(message({ type: 'boolean' }, 1)).toEqual(['must be true or false']);
    expect(message({ type: 'array' }, 1)).toEqual(['must be a list']);
    expect(message({ const: 1 }, 2)).toEqual(['must be the allowed value']);
    expect(message({ not: { type: 'string' } }, 'x')).toEqual(['must not be valid']);
    expect(message(false, 1)).toEqual(['is not allowed']);
    expect(message({ type: 'array', uniqueItems: true }, [1, 1])).toEqual([
      'must not have equal items',
    ]);
  });

  it('point at a member whose name is at fault, or that nobody knows', () => {
    expect(faultsOf({ type: 'object', propertyNames: { pattern: '^x' } }, { b: 1, x: 1 })).toEqual([
      { path: '/b', message: 'its name must match pattern "^x"' },
      { path: '/b', message: 'has a name that is not allowed' },
    ]);
    expect(faultsOf(of({ a: true }, { unevaluatedProperties: false }), { b: 1 })).toEqual([
      { path: '/b', message: 'is not allowed' },
    ]);
    expect(faultsOf(false, {})).toEqual([{ path: '', message: 'is not allowed' }]);
  });

  it('are named once each', () => {
    const schema = of({ a: { allOf: [{ type: 'string' }, { type: 'string' }] } });
    expect(faultsOf(schema, { a: 1 })).toEqual([{ path: '/a', message: 'must be a string' }]);
  });

  it('concern own members only', () => {
    const names = ['constructor', 'toString', 'hasOwnProperty'];
    expect(faultsOf({ type: 'object', required: names }, {}).map(({ path }) => path)).toEqual(
      names.map((name) => `/${name}`),
    );
    const typed = of(Object.fromEntries(names.map((name) => [name, { type: 'string' }])));
    expect(faultsOf(typed, {})).toEqual([]);
    const closed = { type: 'object', additionalProperties: false };
    expect(faultsOf(closed, {})).toEqual([]);
    expect(faultsOf(closed, JSON.parse('{"__proto__":{"a":1}}') as JsonObject)).toEqual([
      { path: '/__proto__', message: 'is not allowed' },
    ]);
    expect(faultsOf(closed, Object.create({ inherited: 1 }) as JsonObject)).toEqual([]);
  });

  it('leave the data as it is', () => {
    const schema = of(
      {
        a: { type: 'integer', default: 1 },
        b: of({ c: { type: 'string', default: 'd' } }, { additionalProperties: false }),
      },
      { additionalProperties: false },
    );
    const data = { b: { extra: 1 }, more: 1, a: '7' };
    const before = structuredClone(data);
    expect(faultsOf(schema, data)).toHaveLength(3);
    expect(data).toEqual(before);
    const good = Object.freeze({ b: Object.freeze({}) });
    expect(faultsOf(schema, good)).toEqual([]);
    expect(good).toEqual({ b: {} });
  });
});

describe('values', () => {
  it('are equal as JSON is, whatever their members are called', () => {
    const value = { b: [1, { toString: 'x', valueOf: null }], constructor: 'y' };
    const same = { constructor: 'y', b: [1, { valueOf: null, toString: 'x' }] };
    const schema = of({ c: { const: value }, e: { enum: [1, 'null', value] } });
    expect(faultsOf(schema, { c: same, e: same })).toEqual([]);
    expect(faultsOf(schema, { c: { ...same, d: 1 }, e: '1' })).toEqual([
      { path: '/c', message: 'must be the allowed value' },
      { path: '/e', message: 'must be one of the allowed values' },
    ]);
    expect(faultsOf(schema, { c: { toString: 'x', valueOf: 1 }, e: null })).toHaveLength(2);
    const nothing = of({ c: { const: null } });
    expect([
      faultsOf(nothing, { c: null }).length,
      faultsOf(nothing, { c: 'null' }).length,
    ]).toEqual([0, 1]);
  });
});

describe('what a fault may hold', () => {
  const marks = [MARKER, String(MARKED_NUMBER)];
  const leaks = (value: unknown) => marks.filter((mark) => JSON.stringify(value).includes(mark));

  it('is tried for every keyword of ajv', () => {
    const ajv = new Ajv2020();
    ajvFormats.default(ajv);
    // Anchors say nothing, and recursiveRef is of another draft; `id` and `$async` are refused.
    const silent = new Set(['id', '$async', '$recursiveAnchor', '$recursiveRef']);
    const keywords = Object.keys(ajv.RULES.all).filter((keyword) => !silent.has(keyword));
    const tried = JSON.stringify(VIOLATIONS.map(([schema]) => schemaOfA(schema)));
    expect(keywords.length).toBeGreaterThan(45);
    expect(keywords.filter((keyword) => !tried.includes(`"${keyword}":`))).toEqual([]);
  });

  it.each(VIOLATIONS)('is no value: %j', (schema, value) => {
    const faults = faultsOf(schemaOfA(schema), { a: value } as JsonObject);
    expect(faults.length).toBeGreaterThan(0);
    expect(leaks(faults)).toEqual([]);
  });

  it('is no value, whatever is sent', () => {
    const compiled = VIOLATIONS.map(([schema]) =>
      compileDataSchemas({ 'payment.failed': schemaOfA(schema) }),
    );
    const text = fc.string().map((more) => `${MARKER}${more}`);
    const number = fc.integer({ min: 0, max: 9 }).map((digit) => MARKED_NUMBER * 10 + digit);
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        text,
        number,
        number.map((whole) => -whole - 0.5),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.constantFrom('b', 'c', 'toString', 'valueOf', 'constructor'),
          tie('value'),
        ),
      ),
    }));
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...compiled), value, (schemas, a) => {
        const faults = schemas.validate('payment.failed', { a } as JsonObject);
        if (faults.length > 0) refused++;
        expect(leaks(faults)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('is a hundred faults, and a note that there are more', () => {
    const schema = of({ list: { type: 'array', items: { type: 'string' } } });
    const faults = (count: number) => faultsOf(schema, { list: Array<number>(count).fill(1) });
    expect(faults(MAX_FAULTS)).toHaveLength(MAX_FAULTS);
    const twice = { type: 'array', items: { allOf: [{ type: 'string' }, { type: 'string' }] } };
    const list = Array<number>(MAX_FAULTS).fill(1);
    expect(faultsOf(of({ list: twice }), { list })).toHaveLength(MAX_FAULTS);
    const more = faults(MAX_FAULTS + 1);
    expect(more).toHaveLength(MAX_FAULTS + 1);
    expect(more.slice(0, -1)).toEqual(faults(MAX_FAULTS));
    expect(more.at(-1)).toEqual({ path: '', message: 'has more faults than are listed' });
  });

  it('is the first one only of data that is large', () => {
    const schema = of({ list: { type: 'array', items: { type: 'string' } } }, { required: ['b'] });
    expect(faultsOf(schema, { list: [1, 1], a: 'x'.repeat(9_000) })).toHaveLength(3);
    for (const data of [
      { list: [1, 1], a: 'x'.repeat(20_000) },
      { list: [1, 1], ['x'.repeat(20_000)]: 1 },
      { list: Array<number>(20_000).fill(1) },
    ]) {
      expect(faultsOf(schema, data)).toHaveLength(1);
    }
    const small = Object.fromEntries(Array.from('x'.repeat(9_000), (_, i) => [`k${String(i)}`, 1]));
    expect(faultsOf(schema, { ...small, list: [1, 1] })).toHaveLength(1);
  });

  it('is no key that is too long, or could pass for something else', () => {
    const closed = { type: 'object', additionalProperties: false };
    const schema = of({ a: closed, b: { type: 'object', additionalProperties: closed } });
    const message = 'has a fault under a name that is too long or not fit to be shown';
    for (const name of ['x'.repeat(MAX_POINTER), 'a\nERROR', 'a\u202eb', 'a\u2028', 'a\u001b[2J']) {
      expect(faultsOf(schema, { a: { [name]: 1 } })).toEqual([{ path: '/a', message }]);
      expect(faultsOf(schema, { b: { [name]: { k: 1 } } })).toEqual([{ path: '/b', message }]);
      expect(faultsOf(closed, { [name]: 1 })).toEqual([{ path: '', message }]);
    }
    const longest = 'x'.repeat(MAX_POINTER - '/a/'.length);
    expect(faultsOf(schema, { a: { [longest]: 1 } })[0]!.path).toBe(`/a/${longest}`);
  });
});

describe('which schema', () => {
  it('of the exact type comes before that of resource.*', () => {
    const schemas = compileDataSchemas({
      'appointment.*': { type: 'object', required: ['any'] },
      'appointment.created': { type: 'object', required: ['created'] },
      'appointment.deleted': true,
    });
    const paths = (type: string) => schemas.validate(type, {}).map(({ path }) => path);
    expect(paths('appointment.created')).toEqual(['/created']);
    expect(paths('appointment.updated')).toEqual(['/any']);
    expect(paths('appointment.deleted')).toEqual([]);
    expect(paths('payment.failed')).toEqual([]);
  });

  it('may be of a type the host registers', () => {
    const types = ['lab.done'];
    const schemas = compileDataSchemas({ 'lab.*': false }, { types });
    expect(schemas.types).toEqual(types);
    expect(schemas.validate('lab.done', {})).toHaveLength(1);
  });

  it('is of draft 2020-12, or of draft-07 where it says so', () => {
    const tuple = { type: 'array', minItems: 1, maxItems: 1 };
    const newer = of({ a: { ...tuple, prefixItems: [{ type: 'string' }] } });
    const older = of({ a: { ...tuple, items: [{ type: 'string' }] } });
    const found = [{ path: '/a/0', message: 'must be a string' }];
    expect(faultsOf(newer, { a: [1] })).toEqual(found);
    const $schema = 'https://json-schema.org/draft/2020-12/schema';
    expect(faultsOf({ $schema, ...newer }, { a: [1] })).toEqual(found);
    expect(faultsOf({ $schema: DRAFT_07, ...older }, { a: [1] })).toEqual(found);
    expect(refusalOf({ 'payment.*': older })[1]).toContain('items');
    expect(refusalOf({ 'payment.*': { $schema: DRAFT_07, ...newer } })[1]).toContain('prefixItems');
    for (const other of ['http://json-schema.org/draft-04/schema#', 7, null]) {
      const schema = { $schema: other, ...newer };
      expect(refusalOf({ 'payment.*': schema })[1]).toBe(
        '  - payment.*: its $schema must be draft 2020-12 or draft-07',
      );
    }
  });

  it('may refer to itself, to references and to its neighbours, in any order', () => {
    const tree = of({ id: true, child: { $ref: '#' } }, { required: ['id'] });
    expect(faultsOf(tree, { id: 1, child: { id: 2, child: {} } })).toEqual([
      { path: '/child/child/id', message: 'is required' },
    ]);
    const id = { $id: 'https://example.org/id', $ref: 'text' };
    const text = { $id: 'https://example.org/text', type: 'string' };
    expect(faultsOf(of({ a: { $ref: id.$id } }), { a: 1 }, { references: [id, text] })).toEqual([
      { path: '/a', message: 'must be a string' },
    ]);
    const shared = { $id: 'shared', type: 'object', required: ['a'] };
    const schemas = compileDataSchemas(
      { 'payment.*': { $ref: 'shared' }, 'location.*': shared, 'service.*': shared },
      { references: [shared] },
    );
    for (const type of ['payment.failed', 'location.created', 'service.created']) {
      expect(schemas.validate(type, {}), type).toHaveLength(1);
    }
    const older = { $schema: DRAFT_07, $id: 'older', definitions: { n: { type: 'number' } } };
    const user = { $schema: DRAFT_07, ...of({ a: { $ref: 'older#/definitions/n' } }) };
    expect(faultsOf(user, { a: 'x' }, { references: [older] })).toHaveLength(1);
  });

  it('checks the formats of ajv-formats, and those of the host', () => {
    const check = (format: string, a: string, formats?: DataSchemaOptions['formats']) =>
      faultsOf(of({ a: { type: 'string', format } }), { a }, formats && { formats }).length === 0;
    for (const [format, good, bad] of [
      ['date', '2024-02-29', '2025-02-29'],
      ['date-time', '2025-01-08T12:00:00Z', '2025-01-08T12:00:00'],
      ['iso-date-time', '2025-01-08T12:00:00', '2025-01-08T25:00:00'],
      ['email', 'a@b.org', 'a@b@c'],
      ['uuid', '7f2c1c1e-5d3a-4b59-8a52-0c8f3ff1b0aa', '7f2c1c1e'],
    ] as const) {
      expect([check(format, good), check(format, bad)], format).toEqual([true, false]);
    }
    const formats = {
      ward: /^W\d$/,
      upper: (text: string) => text === text.toUpperCase(),
      promised: (() => Promise.resolve(true)) as unknown as () => boolean,
    };
    expect([check('ward', 'W1', formats), check('ward', 'W', formats)]).toEqual([true, false]);
    expect([check('upper', 'A', formats), check('upper', 'a', formats)]).toEqual([true, false]);
    // A promise is not waited for, so it must not count as true.
    expect(check('promised', 'A', formats)).toBe(false);
  });

  it('may ask for different items, at a cost that grows with their number only', () => {
    const schema = of({ a: { type: 'array', uniqueItems: true } });
    const a = Array.from({ length: 150_000 }, (_, i) => [i]);
    expect(faultsOf(schema, { a })).toEqual([]);
    expect(faultsOf(schema, { a: [...a, [0]] })).toHaveLength(1);
    const equal = [{ b: 1, c: [2] }, 1, { c: [2], b: 1 }];
    expect(faultsOf(schema, { a: equal })).toHaveLength(1);
    expect(faultsOf(schema, { a: [1, '1', [1], null, 'null', true, {}, []] })).toEqual([]);
    expect(faultsOf(of({ a: { type: 'array', uniqueItems: false } }), { a: [1, 1] })).toEqual([]);
  });

  it('may name a type twice or require a member only in one branch', () => {
    const schema = of(
      { a: { type: ['string', 'integer'] }, b: true },
      { anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    );
    expect(faultsOf(schema, { a: 1 })).toEqual([]);
    expect(faultsOf(schema, {}).length).toBeGreaterThan(0);
  });
});

describe('schemas at fault', () => {
  it('are all named at once, each with the reason', () => {
    const lines = refusalOf(
      {
        'appointment.created': { type: 'object', propertys: {} },
        'appointment.create': true,
        'bed.*': true,
        appointment: true,
        'payment.*': { type: 'strin' },
        'payment.failed': { $ref: 'https://example.org/elsewhere' },
        'location.*': { $async: true, type: 'object' },
        'location.created': { type: 'string', format: 'nonsense' },
        'location.updated': { type: 'string', pattern: '(' },
        'location.deleted': { required: ['a'] },
        'service.*': null,
        'service.created': { $ref: '#' },
        'service.deleted': true,
      },
      {
        references: [{ type: 'object' }, { $id: 'r', typ: 1 }, { $id: 's' }, { $id: 's' }, 1],
        formats: { sticky: /a/y, all: /a/g, number: 1 },
      },
    );
    expect(lines[0]).toBe('The data schemas have faults:');
    const reasons = new Map(
      lines.slice(1).map((line) => {
        const [, place, reason] = /^ {2}- ([^:]+): (.+)$/.exec(line)!;
        return [place!, reason!];
      }),
    );
    expect(Object.fromEntries(reasons)).toEqual({
      'formats/sticky': 'must not have the flag g or y',
      'formats/all': 'must not have the flag g or y',
      'formats/number': 'must be a RegExp or a function',
      'references/0': 'has no $id',
      'references/1': 'strict mode: unknown keyword: "typ"',
      'references/3': expect.stringContaining('already exists') as string,
      'references/4': 'has no $id',
      'appointment.created': 'strict mode: unknown keyword: "propertys"',
      'appointment.create': 'is not a supported event type',
      'bed.*': 'is not a supported event type',
      appointment: 'is not a supported event type',
      'payment.*': expect.stringContaining('data/type must be one of the allowed') as string,
      'payment.failed': expect.stringContaining(
        "can't resolve reference https://example",
      ) as string,
      'location.*': 'must not be $async',
      'location.created': expect.stringContaining('unknown format "nonsense"') as string,
      'location.updated': expect.stringContaining('Unterminated group') as string,
      'location.deleted': expect.stringContaining('missing type "object"') as string,
      'service.*': 'must be a JSON Schema',
      'service.created': 'refers to itself without end',
    });
  });

  it('are found wherever $async, $data or a keyword of nobody stands', () => {
    for (const schema of [
      of({ a: { $async: true, type: 'string' } }),
      of({ a: true, b: { const: { $data: '1/a' } } }, { $ref: '#/$defs/x' }),
      of({ a: { type: 'number', maximum: { $data: '1/b' } } }),
      of({ a: { 'x-note': 1 } }),
      of({ a: { type: 'object', discriminator: { propertyName: 'b' } } }),
    ]) {
      expect(refusalOf({ 'payment.*': schema })).toHaveLength(2);
    }
    // Without $data references, a constant that looks like one is a constant.
    const schema = of({ a: true, b: { const: { $data: '1/a' } } });
    expect(faultsOf(schema, { a: 1, b: 1 })).toHaveLength(1);
    expect(faultsOf(schema, { a: 1, b: { $data: '1/a' } })).toEqual([]);
  });

  it('are found where arguments are of the wrong kind', () => {
    expect(refusalOf(null)).toEqual(['schemas must be an object.']);
    expect(refusalOf([])).toEqual(['schemas must be an object.']);
    expect(refusalOf({}, { type: [] })[0]).toContain('has no option type');
    expect(refusalOf({}, { types: ['Lab'] })[0]).toContain('resource.operation');
    expect(refusalOf({}, { references: { a: 1 } })).toEqual(['references must be a list.']);
    expect(refusalOf({}, { formats: [] })).toEqual(['formats must be an object.']);
    expect(refusalOf(JSON.parse('{"__proto__": true}'))[1]).toContain('__proto__');
    expect(compileDataSchemas({}).validate('payment.failed', {})).toEqual([]);
  });
});
