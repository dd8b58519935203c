import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, type Fault, MappingDocumentError } from '../../src/errors.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingSet } from '../../src/mapping/types.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { SAMPLE_MAPPING } from '../support/document.ts';

const compile = (mappings: unknown): MappingSet =>
  compileMappings({ clients: { '1001': { mappings } } } as unknown as MappingDocument);

function faultsOf(work: () => unknown): readonly Fault[] {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(MappingDocumentError);
    expect((error as MappingDocumentError).code).toBe('invalid_mapping');
    return (error as MappingDocumentError).faults;
  }
  throw new Error('the document compiled');
}

const faults = (mappings: unknown) => faultsOf(() => compile(mappings));
const AT = '/clients/1001/mappings/appointment.created';
const FIELDS = { his_appointment_id: 'id', his_status: 'status' };

describe('compileMappings', () => {
  it("takes the document's sample as it stands, as text and parsed", () => {
    const fromText = compileMappings(SAMPLE_MAPPING);
    const parsed = compileMappings(JSON.parse(SAMPLE_MAPPING) as MappingDocument);
    expect(fromText.tables).toEqual(parsed.tables);
    expect(fromText.tables).toEqual([
      {
        table: 'appointment',
        key: ['buktor_appointment_id'],
        columns: ['buktor_patient_id', 'buktor_doctor_id', 'buktor_status', 'buktor_created_at'],
      },
    ]);
  });

  it('has the SHA-256 of its text as its version, or of its content where it was parsed', () => {
    const version = createHash('sha256').update(SAMPLE_MAPPING).digest('hex');
    expect(compileMappings(SAMPLE_MAPPING).version).toBe(version);
    const { clients } = JSON.parse(SAMPLE_MAPPING) as MappingDocument;
    const content = compileMappings({ version: 1, clients }).version;
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(compileMappings({ clients, version: 1 }).version).toBe(content);
    expect(compileMappings({ clients }).version).not.toBe(content);
  });

  it('takes the long form', () => {
    const set = compile({
      'payment.*': null,
      'appointment.created': {
        table: 'visits',
        key: ['site', 'visit'],
        constants: { source: 'HIS', site: 7 },
        fields: {
          'patient.phones[0].value': { to: 'phone', required: true },
          number: ['visit', { to: 'visit_copy', default: null }],
          note: null,
        },
      },
    });
    expect(set.tables).toEqual([
      { table: 'visits', key: ['site', 'visit'], columns: ['phone', 'visit_copy', 'source'] },
    ]);
    expect(resolveMapping(set, '1001', 'payment.failed')).toBeNull();
  });

  it('reports every fault at once', () => {
    const all = faultsOf(() =>
      compileMappings({
        version: 2,
        extra: 1,
        clients: {
          'a b': { mappings: {} },
          '1': { mappings: { 'x.created': null }, colour: 'red' },
          '2': null,
          '3': {},
        },
      } as unknown as MappingDocument),
    );
    expect(all.map(({ path }) => path)).toEqual([
      '/extra',
      '/version',
      '/clients/1/colour',
      '/clients/1/mappings/x.created',
      '/clients/2',
      '/clients/3/mappings',
      '/clients/a b',
    ]);
    expect(faultsOf(() => compileMappings('[]'))).toEqual([
      { path: '', message: 'must be an object', line: 1, column: 1 },
    ]);
    expect(faultsOf(() => compileMappings({} as MappingDocument))).toEqual([
      { path: '/clients', message: 'is required' },
    ]);
  });

  it('says what is wrong in its message', () => {
    expect(() => compile({ 'appointment.created': { fields: {} } })).toThrow(
      `${AT}: has no key: map his_appointment_id, or name the columns in "key"`,
    );
  });

  it.each<[string, unknown, string, RegExp, number?]>([
    ['no fields', { key: [] }, '/fields', /is required/, 2],
    ['fields that are no object', { key: [], fields: [] }, '/fields', /must be an object/, 2],
    ['no key', { fields: { his_status: 'status' } }, '', /has no key/],
    ['a key that is dropped', { fields: { his_appointment_id: null } }, '', /has no key/],
    ['an unknown key column', { key: ['x'], fields: FIELDS }, '/key', /written by no field/],
    ['a key in other letters', { key: ['ID'], fields: FIELDS }, '/key', /written by no field/],
    ['an empty key', { key: [], fields: FIELDS }, '/key', /different column names/],
    ['a key twice', { key: ['id', 'id'], fields: FIELDS }, '/key', /different column names/],
    ['a key that is text', { key: 'id', fields: FIELDS }, '/key', /different column names/],
    ['a key of numbers', { key: [1], fields: FIELDS }, '/key', /different column names/],
    [
      'a key constant that identifies nothing',
      { key: ['id', 'site'], constants: { site: '' }, fields: FIELDS },
      '/constants/site',
      /a key is a string/,
    ],
    [
      'a key of constants only',
      { key: ['site'], constants: { site: 'x' }, fields: FIELDS },
      '/key',
      /the key of one row/,
    ],
    [
      'a key with a default',
      { fields: { his_appointment_id: { to: 'id', default: 'NONE' } } },
      '/fields/his_appointment_id',
      /a key has no default/,
    ],
    [
      'a constant from an unset variable',
      { constants: { site: undefined }, fields: FIELDS },
      '/constants/site',
      /JSON value/,
    ],
    [
      'a constant that is a Date',
      { constants: { at: new Date(0) }, fields: FIELDS },
      '/constants/at',
      /JSON value/,
    ],
    [
      'a default that is no number JSON has',
      { fields: { ...FIELDS, x: { to: 'x', default: [NaN] } } },
      '/fields/x/default',
      /JSON value/,
    ],
    ['a table that is no name', { table: 'a-b', fields: FIELDS }, '/table', /table name/],
    ['a table that is a number', { table: 7, fields: FIELDS }, '/table', /table name/],
    ['a reserved table', { table: 'his_events', fields: FIELDS }, '/table', /reserved/],
    ['a reserved table of SQLite', { table: 'SQLITE_x', fields: FIELDS }, '/table', /reserved/],
    ['a column with SQL', { fields: { ...FIELDS, x: 'a"; DROP' } }, '/fields/x', /column name/],
    ['an empty column', { fields: { ...FIELDS, x: '' } }, '/fields/x', /column name/],
    ['a column too long', { fields: { ...FIELDS, x: 'a'.repeat(64) } }, '/fields/x', /column name/],
    ['__proto__', { fields: { ...FIELDS, x: '__proto__' } }, '/fields/x', /column name/],
    ['client_id', { fields: { ...FIELDS, x: 'Client_ID' } }, '/fields/x', /reserved/],
    ['a his_ column', { fields: { ...FIELDS, x: 'his_versions' } }, '/fields/x', /reserved/],
    ['a column twice', { fields: { ...FIELDS, x: 'STATUS' } }, '/fields/x', /written twice/],
    [
      'a column twice in one list',
      { fields: { ...FIELDS, x: ['a', 'a'] } },
      '/fields/x/1',
      /written twice/,
    ],
    [
      'a constant over a field',
      { constants: { status: 1 }, fields: FIELDS },
      '/constants/status',
      /written twice/,
    ],
    ['a nameless source', { fields: { ...FIELDS, '': 'x' } }, '/fields/', /has a name/],
    [
      'a field of no kind',
      { fields: { ...FIELDS, x: 7 } },
      '/fields/x',
      /must be a column, a rule/,
    ],
    ['a field without to', { fields: { ...FIELDS, x: {} } }, '/fields/x/to', /name the column/],
    [
      'required that is no boolean',
      { fields: { ...FIELDS, x: { to: 'x', required: 'yes' } } },
      '/fields/x/required',
      /true or false/,
    ],
    ['a misspelt member', { feilds: {}, fields: FIELDS }, '/feilds', /not a member/],
    ['a mapping that is text', 'appointment', '', /must be an object/],
    [
      'a pointer that needs escaping',
      { fields: { ...FIELDS, 'a/b~c': 7 } },
      '/fields/a~1b~0c',
      /must be a column/,
    ],
  ])('refuses %s', (_, mapping, path, message, count = 1) => {
    const found = faults({ 'appointment.created': mapping });
    expect(found).toContainEqual({
      path: AT + path,
      message: expect.stringMatching(message) as string,
    });
    expect(found).toHaveLength(count);
  });

  it('takes bytes, and says so where a name of a file was passed', () => {
    const { version } = compileMappings(Buffer.from(SAMPLE_MAPPING));
    expect(version).toBe(compileMappings(SAMPLE_MAPPING).version);
    expect(() => compileMappings('his-json-mapping.json')).toThrow(
      'The document is not valid JSON. If this is the name of a file, pass what the file holds.',
    );
    expect(faults({ '*': { fields: {} } })).toHaveLength(1);
  });

  it('refuses a key twice in the text', () => {
    expect(faultsOf(() => compileMappings('{"clients":{},"clients":{}}'))).toEqual([
      { path: '/clients', message: 'is there twice, first at 1:2', line: 1, column: 15 },
    ]);
  });

  it('holds all mappings of a table to one key and one spelling, naming both places', () => {
    const second = '/clients/1001/mappings/appointment.updated';
    const other = (mapping: unknown) =>
      faults({ 'appointment.created': { fields: FIELDS }, 'appointment.updated': mapping });
    expect(other({ key: ['status'], fields: FIELDS })).toEqual([
      {
        path: second,
        message: `the key of table appointment is (status) here and (id) in ${AT}`,
      },
    ]);
    expect(other({ fields: { his_appointment_id: 'id', s: 'Status' } })).toEqual([
      {
        path: `${second}/fields/s`,
        message: `column Status is spelled status in ${AT}/fields/his_status`,
      },
    ]);
    expect(other({ table: 'Appointment', fields: FIELDS })).toEqual([
      { path: `${second}/table`, message: `table Appointment is spelled appointment in ${AT}` },
    ]);
    expect(
      compile({
        'appointment.created': { key: ['id', 'status'], fields: FIELDS },
        'appointment.updated': { key: ['status', 'id'], fields: { ...FIELDS, x: 'x' } },
      }).tables,
    ).toEqual([{ table: 'appointment', key: ['id', 'status'], columns: ['x'] }]);
  });

  it('reads templates that extend one another by the thousand, in any order', () => {
    const count = 20_000;
    const names = Array.from({ length: count }, (_, i) => `t${String(i)}`);
    const root = { mappings: { 'appointment.created': { fields: FIELDS } } };
    const chain = names.map((name, i): [string, object] => [
      name,
      i === count - 1 ? root : { extends: names[i + 1], mappings: {} },
    ]);
    for (const templates of [chain, [...chain].reverse()]) {
      const document = {
        templates: Object.fromEntries(templates) as object,
        clients: { a: { extends: 't0' } },
      };
      const mappings = compileMappings(JSON.stringify(document));
      expect(resolveMapping(mappings, 'a', 'appointment.created')?.key).toEqual(['id']);
    }
    const circle = chain.with(-1, ['t19999', { extends: 't0', mappings: {} }]);
    const document = {
      templates: Object.fromEntries(circle) as object,
      clients: { a: { extends: 't0' } },
    };
    expect(faultsOf(() => compileMappings(JSON.stringify(document)))).toMatchObject([
      { path: '/templates/t19999/extends', message: 'extends a template that extends this one' },
    ]);
  });

  it('tells what was meant wherever the same slip stands', () => {
    const client = { timezone: 'Asia/Kolkat', mappings: {} };
    const clients = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, i) => [`c${String(i)}`, client]),
    );
    const found = faultsOf(() => compileMappings(JSON.stringify({ clients })));
    expect(found).toHaveLength(5_000);
    expect(new Set(found.map(({ message }) => message))).toEqual(
      new Set(['is not an IANA time zone; did you mean "Asia/Kolkata"?']),
    );
  });

  it('no longer asks what was meant after thousands of different slips', () => {
    const clients = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, i) => [
        `c${String(i)}`,
        {
          timezone: `Asia/Kolkat${String(i % 10)}${'x'.repeat(1 + i / 1_000)}${String(i)}`,
          mappings: {},
        },
      ]),
    );
    const [first, last] = [
      { timezone: 'Asia/Kolkat', mappings: {} },
      { extends: 'no', mappings: {} },
    ];
    const found = faultsOf(() => compileMappings({ clients: { first, ...clients, last } }));
    expect(found[0]?.message).toBe('is not an IANA time zone; did you mean "Asia/Kolkata"?');
    expect(found.at(-2)?.message).toBe('is not an IANA time zone');
    expect(found).toHaveLength(5_002);
  });

  it('refuses a type that is no type', () => {
    expect(() => compileMappings({ clients: {} }, { types: ['foo'] })).toThrow(ConfigurationError);
  });

  it('knows the types the host registers', () => {
    const document = {
      clients: { '*': { mappings: { 'bed.*': { fields: { his_bed_id: 'id' } } } } },
    };
    expect(faultsOf(() => compileMappings(document))).toMatchObject([
      { message: 'is not a supported event type' },
    ]);
    const set = compileMappings(document, { types: ['bed.moved'] });
    expect(resolveMapping(set, '7', 'bed.moved')).toMatchObject({ table: 'bed', key: ['id'] });
  });
});

describe('resolveMapping', () => {
  const set = compileMappings({
    clients: {
      '1': {
        mappings: {
          'appointment.*': { table: 'wild', fields: { his_appointment_id: 'id' } },
          'appointment.created': { table: 'exact', fields: { his_appointment_id: 'id' } },
          'appointment.deleted': null,
        },
      },
      '*': { mappings: { 'payment.*': null } },
    },
  });

  it('prefers the exact type, declined or not, over the wildcard', () => {
    expect(resolveMapping(set, '1', 'appointment.created')?.table).toBe('exact');
    expect(resolveMapping(set, '1', 'appointment.updated')?.table).toBe('wild');
    expect(resolveMapping(set, '1', 'appointment.deleted')).toBeNull();
    expect(resolveMapping(set, '1', 'schedule.created')).toBeUndefined();
  });

  it('serves clients without an entry by *, and only those', () => {
    expect(resolveMapping(set, '2', 'payment.failed')).toBeNull();
    expect(resolveMapping(set, '2', 'appointment.created')).toBeUndefined();
    expect(resolveMapping(set, '1', 'payment.failed')).toBeUndefined();
  });

  it('is not fooled by names every object has', () => {
    expect(resolveMapping(set, '__proto__', 'constructor')).toBeUndefined();
    expect(resolveMapping(set, '1', 'toString')).toBeUndefined();
  });
});
