import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, type Fault, MappingDocumentError } from '../../src/errors.ts';
import { compileMappings, type CompileOptions } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { SAMPLE_MAPPING } from '../support/document.ts';

function faultsOf(document: unknown, options: CompileOptions = {}): readonly Fault[] {
  try {
    compileMappings(document as string, options);
  } catch (error) {
    expect(error).toBeInstanceOf(MappingDocumentError);
    return (error as MappingDocumentError).faults;
  }
  return [];
}

/** The faults as `line:column pointer message`. */
const lines = (text: string, options?: CompileOptions) =>
  faultsOf(text, options).map(
    ({ line, column, path, message }) => `${String(line)}:${String(column)} ${path} ${message}`,
  );

const AT = '/clients/1/mappings/appointment.created';

/** A document whose one mapping has these fields beside its key. */
const withFields = (fields: object, more: object = {}, client: object = {}) => ({
  valueMaps: { 'visit-status': { a: 'A' } },
  clients: {
    1: {
      ...client,
      mappings: {
        'appointment.created': { fields: { his_appointment_id: 'id', ...fields }, ...more },
      },
    },
  },
});

describe('positions', () => {
  it('are those of every fault, in the order of the text', () => {
    const text = `{
  "valueMaps": { "visit-status": { "a": [] } },
  "templates": {
    "acme": { "extends": "acem", "mappings": {} }
  },
  "clients": {
    "1001": {
      "timezone": "Asia/Kolkatta",
      "mappings": {
        "appointment.created": {
          "feilds": {},
          "fields": {
            "his_appointment_id": "id",
            "s": [{ "to": "status", "valueMap": "visit-satus" }, { "to": 7 }],
            "t": "status"
          }
        },
        "appointment.deleted": { "fields": {} }
      }
    }
  }
}`;
    expect(lines(text)).toEqual([
      '2:36 /valueMaps/visit-status/a must be a string, a number, true, false or null',
      '4:15 /templates/acme/extends there is no template "acem"; did you mean "acme"?',
      '8:7 /clients/1001/timezone is not an IANA time zone; did you mean "Asia/Kolkata"?',
      '11:11 /clients/1001/mappings/appointment.created/feilds is not a member of the format; did you mean "fields"?',
      '14:37 /clients/1001/mappings/appointment.created/fields/s/0/valueMap there is no value map "visit-satus"; did you mean "visit-status"?',
      '14:68 /clients/1001/mappings/appointment.created/fields/s/1/to must name the column',
      '15:13 /clients/1001/mappings/appointment.created/fields/t column status is written twice, also by /clients/1001/mappings/appointment.created/fields/s/0',
      '18:9 /clients/1001/mappings/appointment.deleted has no key: map his_appointment_id, or name the columns in "key"',
    ]);
  });

  it('go by the text, not by the order in which faults are found', () => {
    const text = '{"clients":{"1":{"mappings":{}, "x":1}},\n"version":2,\n"valueMaps":1}';
    expect(faultsOf(text).map(({ line, path }) => `${String(line)} ${path}`)).toEqual([
      '1 /clients/1/x',
      '2 /version',
      '3 /valueMaps',
    ]);
  });

  it('count UTF-16 code units, with any end of line', () => {
    expect(lines('{"clients":{},\r\n\t"\ud83d\ude00": 1, "x": 2}')).toEqual([
      '2:2 /\ud83d\ude00 is not a member of the format; it has $schema, version, valueMaps, templates, clients',
      '2:11 /x is not a member of the format; it has $schema, version, valueMaps, templates, clients',
    ]);
  });

  it('are in the message', () => {
    expect(() => compileMappings('{\n  "clients": []\n}')).toThrow(
      'The mapping document has faults:\n  - 2:3 /clients: must be an object',
    );
  });

  it('are those of the object where a member is missing', () => {
    expect(lines('{\n "clients": {\n  "1": {}}}')).toEqual(['3:3 /clients/1/mappings is required']);
    expect(lines(' {}')).toEqual(['1:2 /clients is required']);
  });

  it('are given for bytes too, and not for what was parsed before', () => {
    const bytes = new TextEncoder().encode('{"clients":1}');
    expect(faultsOf(bytes)).toEqual([
      { path: '/clients', message: 'must be an object', line: 1, column: 2 },
    ]);
    expect(faultsOf({ clients: 1 })).toEqual([{ path: '/clients', message: 'must be an object' }]);
  });
});

describe('text that is no JSON, or not strictly', () => {
  it.each<[string, string[]]>([
    ['{"clients":{},}', ['1:15  a member in double quotes is expected']],
    ['{\n"a" 1\n"b": nul\n}', ['2:5  a colon is expected', '3:6  is not JSON']],
    ['{"a": 01}', ['1:8  a comma is expected']],
    ['{"a": "\\x"}', ['1:7  the string has an escape that JSON does not know']],
    ['{"a": "\t"}', ['1:7  the string has a control character, which must be escaped']],
    ['{"a": 1} // note', ['1:10  JSON has no comments']],
    ["{'a': 1}", ['1:2  is not JSON']],
    ['{"a": 1', ['1:8  a closing } is expected']],
    ['{"a": [1', ['1:9  a closing ] is expected']],
    ['\ufeff{}', ['1:1  begins with a byte order mark']],
    [
      '{"a":{"b":1,\n"b":2},"a":3}',
      ['2:1 /a/b is there twice, first at 1:7', '2:8 /a is there twice, first at 1:2'],
    ],
    [
      '{"a":\n12345678901234567890}',
      ['2:1 /a has digits that a double cannot hold; write it as a string'],
    ],
    ['{"a":["\\u0000"]}', ['1:7 /a/0 holds U+0000']],
    ['{"a\\ud800":1}', ['1:2 /a\ud800 holds a lone surrogate']],
    ['{"__proto__":1}', ['1:2 /__proto__ is a key that is not allowed']],
    [
      '{"constructor":{"prototype":1}}',
      ['1:17 /constructor/prototype is a key that is not allowed'],
    ],
    [`${'['.repeat(70)}${']'.repeat(70)}`, [`1:65 ${'/0'.repeat(64)} nests deeper than 64 levels`]],
  ])('%j', (text, expected) => {
    expect(lines(text)).toEqual(expected);
  });

  it('has a fault, whatever the parsers disagree on', () => {
    for (const text of [
      '',
      ' ',
      'his-json-mapping.json',
      '\u0000',
      '['.repeat(100_000),
      '{"a":1e999}',
    ]) {
      expect(faultsOf(text).length, text.slice(0, 20)).toBeGreaterThan(0);
    }
    expect(faultsOf(new Uint8Array([0xff]))).toEqual([
      { path: '', message: 'The document is not valid UTF-8.' },
    ]);
  });
});

describe('faults of the language', () => {
  const template = (name: string, parent: string) => ({
    [name]: { extends: parent, mappings: {} },
  });

  it.each<[string, unknown, string, RegExp]>([
    [
      'an unknown type',
      { clients: { 1: { mappings: { 'apointment.created': null } } } },
      '/clients/1/mappings/apointment.created',
      /event type; did you mean "appointment.created"/,
    ],
    [
      'a circle',
      { templates: { ...template('a', 'b'), ...template('b', 'a') }, clients: {} },
      '/templates/b/extends',
      /extends a template that extends this one/,
    ],
    [
      'a template that extends itself',
      { templates: template('a', 'a'), clients: {} },
      '/templates/a/extends',
      /extends a template that/,
    ],
    [
      'a template by another kind of name',
      { clients: { 1: { extends: 7 } } },
      '/clients/1/extends',
      /name of a template/,
    ],
    [
      'an offset as a zone',
      { clients: { 1: { timezone: '+05:30', mappings: {} } } },
      '/clients/1/timezone',
      /IANA/,
    ],
    [
      'an abbreviation as a zone',
      { clients: { 1: { timezone: 'IST', mappings: {} } } },
      '/clients/1/timezone',
      /IANA/,
    ],
    [
      'a part of a zone',
      { clients: { 1: { timezone: 'Kolkata', mappings: {} } } },
      '/clients/1/timezone',
      /did you mean "Asia\/Kolkata"/,
    ],
    [
      'a zone of another kind',
      { clients: { 1: { timezone: 5, mappings: {} } } },
      '/clients/1/timezone',
      /IANA time zone, or/,
    ],
    [
      'a zone without its path',
      { clients: { 1: { timezone: {}, mappings: {} } } },
      '/clients/1/timezone/path',
      /must name the source field/,
    ],
    [
      'an unknown transform',
      withFields({ s: { to: 's', transform: 'uper' } }),
      `${AT}/fields/s/transform`,
      /no transform "uper" is registered; did you mean "upper"/,
    ],
    [
      'a transform without a name',
      withFields({ s: { to: 's', transform: {} } }),
      `${AT}/fields/s/transform/name`,
      /must name a function/,
    ],
    [
      'a transform of another kind',
      withFields({ s: { to: 's', transform: 1 } }),
      `${AT}/fields/s/transform`,
      /must name a function/,
    ],
    [
      'parameters that are no JSON',
      withFields({ s: { to: 's', transform: { name: 'upper', parameters: new Date(0) } } }),
      `${AT}/fields/s/transform/parameters`,
      /JSON value/,
    ],
    [
      'an unknown type of a field',
      withFields({ s: { to: 's', type: 'datetme' } }),
      `${AT}/fields/s/type`,
      /must be one of .*did you mean "datetime"/,
    ],
    [
      'a format without a type',
      withFields({ s: { to: 's', format: 'iso' } }),
      `${AT}/fields/s/format`,
      /date and datetime/,
    ],
    [
      'a format of another kind',
      withFields({ s: { to: 's', type: 'date', format: 1 } }),
      `${AT}/fields/s/format`,
      /or a pattern/,
    ],
    [
      'a pattern with two digits of a year',
      withFields({ s: { to: 's', type: 'date', format: 'dd.MM.yy' } }),
      `${AT}/fields/s/format`,
      /century/,
    ],
    [
      'an epoch for a date',
      withFields({ s: { to: 's', type: 'date', format: 'epoch-millis' } }),
      `${AT}/fields/s/format`,
      /datetime/,
    ],
    [
      'a zone for a date',
      withFields({ s: { to: 's', type: 'date', timezone: 'UTC' } }),
      `${AT}/fields/s/timezone`,
      /belongs to the type datetime/,
    ],
    [
      'an offset without a type',
      withFields({ s: { to: 's', offset: 'ignore' } }),
      `${AT}/fields/s/offset`,
      /belongs to the type datetime/,
    ],
    [
      'a disambiguation for text',
      withFields({ s: { to: 's', type: 'string', disambiguation: 'later' } }),
      `${AT}/fields/s/disambiguation`,
      /belongs to/,
    ],
    [
      'an unknown disambiguation',
      withFields(
        { s: { to: 's', type: 'datetime', disambiguation: 'late' } },
        {},
        { timezone: 'UTC' },
      ),
      `${AT}/fields/s/disambiguation`,
      /did you mean "later"/,
    ],
    [
      'a datetime without a zone',
      withFields({ s: { to: 's', type: 'datetime' } }),
      `${AT}/fields/s`,
      /^s is a datetime without a zone/,
    ],
    [
      'a pattern without a zone',
      withFields({ s: { to: 's', type: 'datetime', format: 'dd.MM.yyyy HH:mm' } }),
      `${AT}/fields/s`,
      /without a zone/,
    ],
    [
      'a value map of another kind',
      withFields({ s: { to: 's', valueMap: {} } }),
      `${AT}/fields/s/valueMap`,
      /name of a value map/,
    ],
    [
      'onUnmapped without a value map',
      withFields({ s: { to: 's', onUnmapped: 'keep' } }),
      `${AT}/fields/s/onUnmapped`,
      /belongs to a valueMap/,
    ],
    [
      'onUnmapped of another kind',
      withFields({ s: { to: 's', valueMap: 'visit-status', onUnmapped: 'drop' } }),
      `${AT}/fields/s/onUnmapped`,
      /"error", "keep" or/,
    ],
    [
      'onUnmapped that uses an object',
      withFields({ s: { to: 's', valueMap: 'visit-status', onUnmapped: { use: {} } } }),
      `${AT}/fields/s/onUnmapped/use`,
      /must be a string/,
    ],
    [
      'a value map whose values are no integers',
      withFields({ s: { to: 's', valueMap: 'visit-status', type: 'integer' } }),
      `${AT}/fields/s/valueMap`,
      /no integer/,
    ],
    [
      'onUnmapped that uses no integer',
      {
        valueMaps: { m: { a: 1 } },
        ...{
          clients: withFields({
            s: { to: 's', valueMap: 'm', type: 'integer', onUnmapped: { use: 'x' } },
          }).clients,
        },
      },
      `${AT}/fields/s/onUnmapped/use`,
      /no integer/,
    ],
    [
      'a default of another type',
      withFields({ s: { to: 's', type: 'integer', default: '1.5' } }),
      `${AT}/fields/s/default`,
      /no integer/,
    ],
    [
      'a default that is in no value map',
      withFields({ s: { to: 's', valueMap: 'visit-status', default: 'b' } }),
      `${AT}/fields/s/default`,
      /not in the value map/,
    ],
    [
      'an empty fallback',
      withFields({ s: { to: 's', fallback: [] } }),
      `${AT}/fields/s/fallback`,
      /different source fields/,
    ],
    [
      'a fallback twice',
      withFields({ s: { to: 's', fallback: ['a', 'a'] } }),
      `${AT}/fields/s/fallback`,
      /different source fields/,
    ],
    [
      'a fallback that is text',
      withFields({ s: { to: 's', fallback: 'a' } }),
      `${AT}/fields/s/fallback`,
      /different source fields/,
    ],
    ['an empty list of rules', withFields({ s: [] }), `${AT}/fields/s`, /at least one rule/],
    [
      'a list in a list',
      withFields({ s: [['x']] }),
      `${AT}/fields/s/0`,
      /must be a column, a rule/,
    ],
    [
      'unmapped of another kind',
      withFields({}, { unmapped: 'reject' }),
      `${AT}/unmapped`,
      /must be one of ignore, warn, error/,
    ],
    [
      'a misspelt key',
      withFields({ s: 'status' }, { key: ['id', 'staus'] }),
      `${AT}/key`,
      /column staus is written by no field or constant; did you mean "status"/,
    ],
    ['a version of another kind', { version: '1', clients: {} }, '/version', /must be 1/],
    ['a $schema of another kind', { $schema: 1, clients: {} }, '/$schema', /for editors/],
    [
      'value maps of another kind',
      { valueMaps: [], clients: {} },
      '/valueMaps',
      /must be an object/,
    ],
    ['templates of another kind', { templates: 7, clients: {} }, '/templates', /must be an object/],
    [
      'a fault of a template nobody extends',
      { templates: { a: { mappings: { 'service.*': 1 } } }, clients: {} },
      '/templates/a/mappings/service.*',
      /must be an object/,
    ],
  ])('%s', (_, document, path, message) => {
    const found = faultsOf(document, { transforms: { upper: (value) => value } });
    expect(found).toEqual([{ path, message: expect.stringMatching(message) as string }]);
  });

  it('are reported once, however many clients extend the template that has them', () => {
    const extending = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [String(i), { extends: 'a' }]),
    );
    const templates = {
      a: { mappings: { 'service.*': { fields: { his_service_id: 'id', s: 'id' } } } },
    };
    expect(faultsOf({ templates, clients: extending })).toHaveLength(1);
  });

  it('are reported wherever they stand, however often the same is written', () => {
    const client = {
      mappings: { 'service.*': { fields: { his_service_id: 'id', s: { to: 's', type: 'texd' } } } },
    };
    expect(faultsOf({ clients: { 1: client, 2: client } }).map(({ path }) => path)).toEqual([
      '/clients/1/mappings/service.*/fields/s/type',
      '/clients/2/mappings/service.*/fields/s/type',
    ]);
    const templates = { a: { mappings: {} } };
    const lost = { extends: 'a', timezone: 'Mars/Olympus' };
    expect(faultsOf({ templates, clients: { 1: lost, 2: lost } }).map(({ path }) => path)).toEqual([
      '/clients/1/timezone',
      '/clients/2/timezone',
    ]);
  });

  it('name the client where a template leaves the zone to it', () => {
    const templates = {
      a: {
        mappings: {
          'service.*': { fields: { his_service_id: 'id', s: { to: 's', type: 'datetime' } } },
        },
      },
    };
    const clients = { 1: { extends: 'a' }, 2: { extends: 'a', timezone: 'UTC' } };
    expect(faultsOf({ templates, clients })).toMatchObject([
      {
        path: '/clients/1',
        message: expect.stringMatching(/^s is a datetime without a zone/) as string,
      },
    ]);
    expect(faultsOf({ templates, clients: { 2: clients[2] } })).toEqual([]);
  });
});

describe('the types of a column', () => {
  const two = (first: object, second: object) => ({
    clients: {
      1: {
        timezone: 'UTC',
        mappings: {
          'appointment.created': { key: ['k'], fields: { k: 'k' }, ...first },
          'appointment.updated': { key: ['k'], fields: { k: 'k' }, ...second },
        },
      },
    },
  });
  const field = (rule: unknown) => ({ fields: { k: 'k', s: rule } });
  const FIRST = '/clients/1/mappings/appointment.created/fields/s';
  const SECOND = '/clients/1/mappings/appointment.updated/fields/s';

  it.each<[string, unknown, unknown, string]>([
    [
      'two types',
      { to: 'x', type: 'date' },
      { to: 'x', type: 'datetime' },
      'the type datetime here and the type date',
    ],
    ['a type and none', { to: 'x', type: 'date' }, 'x', 'no type here and the type date'],
    ['none and a type', 'x', { to: 'x', type: 'date' }, 'the type date here and no type'],
  ])('%s are a fault that names both places', (_, first, second, types) => {
    expect(faultsOf(two(field(first), field(second)))).toEqual([
      { path: SECOND, message: `column x has ${types} in ${FIRST}` },
    ]);
  });

  it('of constants fit those of fields, in either order', () => {
    const constant = (value: unknown) => ({ constants: { x: value } });
    const integer = field({ to: 'x', type: 'integer' });
    for (const fine of [7, null]) {
      expect(faultsOf(two(constant(fine), integer))).toEqual([]);
      expect(faultsOf(two(integer, constant(fine)))).toEqual([]);
    }
    for (const wrong of ['7', 1.5, true, {}]) {
      expect(faultsOf(two(constant(wrong), integer))).toHaveLength(1);
      expect(faultsOf(two(integer, constant(wrong)))).toHaveLength(1);
    }
    expect(
      faultsOf(two(constant('2025-03-02T10:00:00Z'), field({ to: 'x', type: 'datetime' }))),
    ).toEqual([]);
    expect(
      faultsOf(two(constant('2025-03-02T10:00:00'), field({ to: 'x', type: 'datetime' }))),
    ).toHaveLength(1);
    expect(faultsOf(two(constant('2025-03-02'), field({ to: 'x', type: 'date' })))).toEqual([]);
    expect(faultsOf(two(constant({ a: 1 }), field({ to: 'x', type: 'json' })))).toEqual([]);
    expect(faultsOf(two(constant('x'), field('x')))).toEqual([]);
  });

  it('do not matter for a key, which is text', () => {
    const typed = { fields: { k: { to: 'k', type: 'integer' } } };
    expect(faultsOf(two({}, typed))).toEqual([]);
  });

  it('are told to the store', () => {
    const fields = {
      k: 'k',
      s: { to: 'x', type: 'decimal' },
      t: 'y',
      u: { to: 'toString', type: 'date' },
    };
    const { tables } = compileMappings(two({ fields }, {}));
    expect(tables).toEqual([
      {
        table: 'appointment',
        key: ['k'],
        columns: ['x', 'y', 'toString'],
        types: { x: 'decimal', toString: 'date' },
      },
    ]);
  });
});

describe('warnings', () => {
  const warningsOf = (document: object) =>
    compileMappings(document as MappingDocument).warnings.map(
      ({ path, message }) => `${path} ${message}`,
    );

  it('have positions, and do not stop anything', () => {
    expect(compileMappings('{"valueMaps":{"m":{}},\n"clients":{}}').warnings).toEqual([
      { path: '/valueMaps/m', message: 'is never used', line: 1, column: 15 },
    ]);
    expect(compileMappings(SAMPLE_MAPPING).warnings).toEqual([]);
  });

  it('are given for value maps and templates that nobody uses', () => {
    const document = {
      valueMaps: { m: {} },
      templates: { a: { mappings: {} }, b: { extends: 'a' } },
      clients: {},
    };
    expect(warningsOf(document)).toEqual([
      '/valueMaps/m is never used',
      '/templates/b is never extended',
    ]);
  });

  it('are given for a default that goes into updates', () => {
    const mapping = { fields: { his_service_id: 'id', s: { to: 's', default: 1 } } };
    const about = (mappings: object) => warningsOf({ clients: { 1: { mappings } } });
    expect(about({ 'service.updated': mapping })).toEqual([
      '/clients/1/mappings/service.updated/fields/s the default also goes into service.updated: an update that leaves this field out would overwrite what is stored',
    ]);
    expect(about({ 'service.*': mapping })).toHaveLength(1);
    expect(about({ 'service.*': mapping, 'service.updated': null })).toEqual([]);
    expect(about({ 'service.created': mapping })).toEqual([]);
  });

  it('are given for what looks like a path and is none, and for a path below a scalar', () => {
    const about = (fields: object) =>
      warningsOf(withFields({ m: { to: 'm', valueMap: 'visit-status' }, ...fields }));
    expect(about({ 'a..b': 'x', 'c[d]': 'y' })).toEqual([
      `${AT}/fields/a..b is no path (a.b[0].c), so it is read as a key spelled like this`,
      `${AT}/fields/c[d] is no path (a.b[0].c), so it is read as a key spelled like this`,
    ]);
    const scalar = { to: 'x', type: 'string' };
    expect(about({ a: scalar, 'a.b': 'y' })).toEqual([
      `${AT}/fields/a.b the flat key a is a string in ${AT}/fields/a, so nothing can stand at the path a.b`,
    ]);
    expect(about({ a: scalar, c: { to: 'y', fallback: ['a[0]'] } })).toHaveLength(1);
    expect(about({ a: 'x', 'a.b': 'y', c: { to: 'z', type: 'json' }, 'c.d': 'w' })).toEqual([]);
  });
});

describe('no input', () => {
  const good = JSON.stringify({
    version: 1,
    valueMaps: { m: { a: 1 } },
    templates: {
      t: { timezone: 'UTC', mappings: { 'service.*': { fields: { his_service_id: 'id' } } } },
    },
    clients: {
      1: {
        extends: 't',
        mappings: {
          'service.created': {
            fields: { 'a.b': { to: 'x', type: 'datetime', fallback: ['c'], default: null } },
          },
        },
      },
    },
  });

  const harmless = (document: unknown): void => {
    try {
      compileMappings(document as string);
    } catch (error) {
      if (error instanceof MappingDocumentError && error.faults.length > 0) return;
      throw error;
    }
  };

  it('makes compileMappings throw anything but its own errors: text', () => {
    const edit = fc.tuple(
      fc.nat(good.length),
      fc.nat(8),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\tn0e-.* '.split('')) }),
    );
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 3 }), (edits) => {
        let text = good;
        for (const [at, count, insert] of edits)
          text = text.slice(0, at) + insert + text.slice(at + count);
        harmless(text);
      }),
      { numRuns: 20_000 },
    );
  });

  it('makes compileMappings throw anything but its own errors: values', () => {
    const name = fc.constantFrom(
      'version',
      'valueMaps',
      'templates',
      'clients',
      'm',
      't',
      '1',
      'extends',
      'timezone',
      'mappings',
      'service.*',
      'service.created',
      'fields',
      'table',
      'key',
      'constants',
      'unmapped',
      'to',
      'type',
      'format',
      'valueMap',
      'onUnmapped',
      'use',
      'fallback',
      'default',
      'required',
      'transform',
      'name',
      'parameters',
      'path',
      '__proto__',
      'constructor',
    );
    const leaf = fc.oneof(
      name,
      fc.constantFrom(
        1,
        null,
        true,
        'UTC',
        'datetime',
        'iso',
        'dd.MM.yyyy',
        'his_service_id',
        '+05:30',
      ),
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withSparseArray: true,
        maxDepth: 2,
        maxKeys: 3,
      }),
    );
    const { node } = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        leaf,
        fc.dictionary(name, tie('node')),
        fc.array(tie('node'), { maxLength: 3 }),
      ),
    }));
    const parts = fc.record(
      {
        valueMaps: node,
        templates: fc.dictionary(name, node),
        clients: fc.dictionary(
          name,
          fc.oneof(
            node,
            fc.record(
              {
                extends: leaf,
                timezone: leaf,
                mappings: fc.dictionary(
                  fc.constantFrom('service.*', 'service.created'),
                  fc.record(
                    { key: node, constants: node, fields: fc.dictionary(name, node) },
                    { requiredKeys: [] },
                  ),
                ),
              },
              { requiredKeys: [] },
            ),
          ),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(fc.oneof(parts, node), harmless), { numRuns: 1_500 });
  });

  it('may be circular', () => {
    const circular: Record<string, unknown> = {};
    circular['c'] = circular;
    harmless({ clients: circular });
    harmless(withFields({ s: { to: 's', default: circular } }, { constants: { c: circular } }));
    expect(faultsOf(withFields({ s: { to: 's', default: circular } }))).toHaveLength(1);
  });

  it('is taken for an option that nobody knows', () => {
    expect(() => compileMappings({ clients: {} }, { transform: {} } as CompileOptions)).toThrow(
      ConfigurationError,
    );
  });
});
