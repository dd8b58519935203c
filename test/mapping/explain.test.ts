import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import type { JsonObject, JsonValue } from '../../src/events.ts';
import { compileMappings, type CompileOptions } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { type ExplainedColumn, explainMapping } from '../../src/mapping/explain.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import { transformFields } from '../../src/mapping/transform.ts';

const DOCUMENT: MappingDocument = {
  valueMaps: { codes: { a: 'A', none: null } },
  templates: {
    acme: {
      timezone: 'Asia/Kolkata',
      mappings: {
        'appointment.*': {
          fields: {
            his_appointment_id: 'id',
            status: { to: 'status', valueMap: 'codes', required: true },
            at: { to: 'at', type: 'datetime', fallback: ['made.at'], timezone: { path: 'tz' } },
            count: { to: 'count', type: 'integer', default: 7, transform: 'double' },
            note: 'note',
          },
        },
      },
    },
  },
  clients: {
    1001: {
      extends: 'acme',
      mappings: {
        'appointment.*': {
          constants: { source: 'HIS' },
          fields: { note: { to: 'note', type: 'string' } },
        },
        'payment.*': null,
      },
    },
    '*': { mappings: { 'service.created': { fields: { his_service_id: 'id' } } } },
  },
};
const OPTIONS: CompileOptions = { transforms: { double: (value) => (value as number) * 2 } };
const set = compileMappings(DOCUMENT, OPTIONS);
const TYPE = 'appointment.updated';
const explain = (data: JsonObject, reveal = false) =>
  explainMapping(set, '1001', { type: TYPE, data }, { reveal });
const DATA = { his_appointment_id: 'A1', status: 'a', made: { at: '2025-03-02T10:30:45' }, x: 1 };

const brief = ({ column, outcome, steps }: ExplainedColumn) =>
  `${column} ${outcome}: ${steps.map(({ step, detail, result }) => `${step} ${detail} = ${result}`).join('; ')}`;

describe('explainMapping', () => {
  it('tells for each column what was read, by which rule of which template, and every step', () => {
    const explanation = explain(DATA, true);
    expect(explanation.columns.map(brief)).toEqual([
      'id stored: read his_appointment_id = "A1"',
      'status stored: read status = "a"; valueMap codes = "A"',
      'at stored: read at = missing; fallback made.at = "2025-03-02T10:30:45"; type datetime in the zone in tz, else Asia/Kolkata = "2025-03-02T05:00:45Z"',
      'count stored: read count = missing; default  = 7; type integer = 7; transform double = 14',
      'note missing: read note = missing',
      'source stored: constant  = "HIS"',
    ]);
    expect(explanation).toMatchObject({
      clientId: '1001',
      type: TYPE,
      status: 'stored',
      client: '1001',
      entry: 'appointment.*',
      place: '/clients/1001/mappings/appointment.*',
      table: 'appointment',
      unmapped: ['/x'],
      errors: [],
    });
    expect(explanation.columns[1]).toMatchObject({
      place: '/templates/acme/mappings/appointment.*/fields/status',
      inheritedFrom: 'acme',
      isKey: false,
    });
    expect(explanation.columns[4]).toMatchObject({
      place: '/clients/1001/mappings/appointment.*/fields/note',
      inheritedFrom: null,
    });
    expect(explanation.columns[0]).toMatchObject({ isKey: true, source: 'his_appointment_id' });
  });

  it('shows no value unless it is asked to', () => {
    expect(explain({ ...DATA, note: null }).columns.map(brief)).toEqual([
      'id stored: read his_appointment_id = (text, 2 characters)',
      'status stored: read status = (text, 1 character); valueMap codes = (text, 1 character)',
      'at stored: read at = missing; fallback made.at = (text, 19 characters); type datetime in the zone in tz, else Asia/Kolkata = (text, 20 characters)',
      'count stored: read count = missing; default  = 7; type integer = (number); transform double = (number)',
      'note stored: read note = null',
      'source stored: constant  = "HIS"',
    ]);
    const kinds: JsonValue[] = ['', true, [1, 2], { a: 1 }, [], {}, 1.5];
    expect(
      kinds.map((status) => explain({ ...DATA, status }).columns[1]?.steps[0]?.result),
    ).toEqual([
      '(empty text)',
      '(true or false)',
      '(list, 2 items)',
      '(object, 1 member)',
      '(list, 0 items)',
      '(object, 0 members)',
      '(number)',
    ]);
  });

  it('tells where a constant stands, and which template it was inherited from', () => {
    const constants = (values: object): object => ({
      'appointment.created': { constants: values, fields: { his_appointment_id: 'id' } },
    });
    const own = { extends: 'acme', mappings: constants({ source: 'HIS', site: 'S' }) };
    const { clients, templates } = {
      templates: {
        root: { mappings: constants({ source: 'ROOT', version: 1 }) },
        acme: { extends: 'root', mappings: constants({ source: 'ACME', vendor: 'ACME' }) },
      },
      // The second is like the first, and stands elsewhere.
      clients: { a: own, b: structuredClone(own) },
    };
    const mappings = compileMappings({ templates, clients } as unknown as MappingDocument);
    const event = { type: 'appointment.created', data: { his_appointment_id: 'A1' } };
    for (const id of ['a', 'b']) {
      const { columns } = explainMapping(mappings, id, event);
      const shown = columns
        .filter(({ source }) => source === null)
        .map(({ column, place, inheritedFrom }) => [column, place, inheritedFrom]);
      const at = 'mappings/appointment.created/constants';
      expect(shown).toEqual([
        ['source', `/clients/${id}/${at}/source`, null],
        ['version', `/templates/root/${at}/version`, 'root'],
        ['vendor', `/templates/acme/${at}/vendor`, 'acme'],
        ['site', `/clients/${id}/${at}/site`, null],
      ]);
    }
  });

  it('tells which of several templates a field was inherited from', () => {
    const mapping = (fields: object): object => ({
      mappings: { 'appointment.created': { fields } },
    });
    const templates = {
      root: mapping({ his_appointment_id: 'id', note: 'note' }),
      acme: { extends: 'root', ...mapping({ room: 'room' }) },
    };
    const clients = { a: { extends: 'acme', ...mapping({ floor: 'floor' }) } };
    const mappings = compileMappings({ templates, clients });
    const { fields } = resolveMapping(mappings, 'a', 'appointment.created')!;
    expect(fields.map(({ to, inheritedFrom }) => [to, inheritedFrom])).toEqual([
      ['id', 'root'],
      ['note', 'root'],
      ['room', 'acme'],
      ['floor', undefined],
    ]);
  });

  it('tells why a field is refused', () => {
    const refused = explain({ his_appointment_id: '', at: 'x', count: 'y' });
    expect(refused.status).toBe('refused');
    expect(refused.columns.filter(({ outcome }) => outcome === 'refused').map(brief)).toEqual([
      'id refused: read his_appointment_id = (empty text); check key = must be a string that is not empty, or an integer below 2^53',
      'status refused: read status = missing; check required = is required',
      'at refused: read at = (text, 1 character); type datetime in the zone in tz, else Asia/Kolkata = must be an ISO 8601 date-time, as YYYY-MM-DDTHH:mm:ss',
      'count refused: read count = (text, 1 character); type integer = must be an integer below 2^53, as a number or in plain digits',
    ]);
    expect(refused.errors.map(({ path }) => path)).toEqual([
      '/his_appointment_id',
      '/status',
      '/at',
      '/count',
    ]);
    expect(explain({ ...DATA, status: 'none' }).columns.map(brief)[1]).toBe(
      'status refused: read status = (text, 4 characters); valueMap codes = null; check required = is required',
    );
  });

  it('tells which entry served, or that none did', () => {
    const about = (client: string, type: string) => {
      const { status, client: by, entry } = explainMapping(set, client, { type, data: {} });
      return [status, by, entry];
    };
    expect(about('1001', 'payment.failed')).toEqual(['declined', '1001', 'payment.*']);
    expect(about('2', 'service.created')).toEqual(['refused', '*', 'service.created']);
    expect(about('2', 'payment.failed')).toEqual(['unmapped', null, null]);
    expect(about('1001', 'constructor')).toEqual(['unmapped', null, null]);
  });

  it.each([[undefined], [null], ['x'], [{}], [{ type: 1, data: {} }], [{ type: TYPE, data: [] }]])(
    'takes no event such as %j',
    (event) => {
      expect(() => explainMapping(set, '1001', event as never)).toThrow(ConfigurationError);
    },
  );

  it('says what transformFields does, whatever it is given, and throws nothing but its own', () => {
    const mapping = resolveMapping(set, '1001', TYPE)!;
    const names = fc.constantFrom('his_appointment_id', 'status', 'at', 'count', 'note', 'tz', 'x');
    const values = fc.oneof(
      fc.constantFrom('a', 'none', 'A1', 7, null, '2025-03-02T10:30:45', 'UTC', ''),
      fc.anything({ withBigInt: true }),
    );
    fc.assert(
      fc.property(fc.dictionary(names, values), fc.boolean(), (data, reveal) => {
        const { status, columns, errors } = explain(data as JsonObject, reveal);
        const result = transformFields(mapping, data as JsonObject);
        expect(status).toBe(result.ok ? 'stored' : 'refused');
        if (!result.ok) {
          expect(errors).toEqual(result.errors);
          expect(columns.filter(({ outcome }) => outcome === 'refused')).toHaveLength(
            errors.length,
          );
          return;
        }
        const stored = columns.filter(({ outcome }) => outcome === 'stored');
        expect(new Set(stored.map(({ column }) => column))).toEqual(
          new Set([...Object.keys(result.key), ...Object.keys(result.values)]),
        );
        if (!reveal) return;
        for (const { column, isKey, steps } of stored) {
          const value = isKey ? result.key[column] : result.values[column];
          const last = JSON.parse(steps.at(-1)!.result) as JsonValue;
          expect(isKey && typeof last === 'number' ? String(last) : last).toEqual(value);
        }
      }),
      { numRuns: 10_000 },
    );
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (clientId, event) => {
        try {
          explainMapping(set, clientId as string, event as never);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
