import { describe, expect, it } from 'vitest';
import type { Fault, MappingDocumentError } from '../../src/errors.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { explainMapping } from '../../src/mapping/explain.ts';
import { resolveMapping } from '../../src/mapping/resolve.ts';
import { transformFields } from '../../src/mapping/transform.ts';

const TYPE = 'appointment.created';
const FIELDS = { his_appointment_id: 'id', his_status: { to: 'status', required: true } };

const documentOf = (clients: unknown, templates = {}): MappingDocument =>
  ({ templates, clients }) as MappingDocument;

const client = (mapping: unknown): unknown => ({ mappings: { [TYPE]: mapping } });

function faultsOf(document: unknown): readonly Fault[] {
  try {
    compileMappings(JSON.stringify(document));
  } catch (error) {
    return (error as MappingDocumentError).faults;
  }
  return [];
}

describe('clients that write the same', () => {
  it('have places of their own', () => {
    const mappings = compileMappings(
      JSON.stringify(
        documentOf({ a: client({ fields: FIELDS }), 'b/c': client({ fields: FIELDS }) }),
      ),
    );
    const event = { type: TYPE, data: { his_appointment_id: 'A1', his_status: 'x' } };
    for (const [id, pointer] of [
      ['a', '/clients/a'],
      ['b/c', '/clients/b~1c'],
    ] as const) {
      const { place, columns } = explainMapping(mappings, id, event);
      const mapping = `${pointer}/mappings/appointment.created`;
      expect(place).toBe(mapping);
      expect(columns.map((column) => column.place)).toEqual([
        `${mapping}/fields/his_appointment_id`,
        `${mapping}/fields/his_status`,
      ]);
    }
  });

  it('share what they inherit, and keep where it came from', () => {
    const templates = {
      t: {
        mappings: { [TYPE]: { fields: FIELDS }, 'appointment.deleted': { fields: FIELDS } },
      },
    };
    const own = { extends: 't', ...(client({ fields: { his_room: 'room' } }) as object) };
    const mappings = compileMappings(documentOf({ a: own, b: structuredClone(own) }, templates));
    const [a, b] = ['a', 'b'].map((id) => mappings.clients.get(id)!);
    expect(b!.get('appointment.deleted')).toBe(a!.get('appointment.deleted'));
    expect(b!.get(TYPE)!.place).toBe('/clients/b/mappings/appointment.created');
    expect(b!.get(TYPE)!.fields.map(({ place, inheritedFrom }) => [place, inheritedFrom])).toEqual([
      ['/templates/t/mappings/appointment.created/fields/his_appointment_id', 't'],
      ['/templates/t/mappings/appointment.created/fields/his_status', 't'],
      ['/clients/b/mappings/appointment.created/fields/his_room', undefined],
    ]);
  });

  it('are told of their faults and warnings, each where it stands', () => {
    const bad = client({ fields: { ...FIELDS, his_room: 'his_room' } });
    expect(faultsOf(documentOf({ a: bad, b: bad })).map(({ path }) => path)).toEqual([
      `/clients/a/mappings/${TYPE}/fields/his_room`,
      `/clients/b/mappings/${TYPE}/fields/his_room`,
    ]);
    const odd = client({ fields: { ...FIELDS, 'a..b': 'room' } });
    const { warnings } = compileMappings(documentOf({ a: odd, b: structuredClone(odd) }));
    expect(warnings.map(({ path }) => path)).toEqual([
      `/clients/a/mappings/${TYPE}/fields/a..b`,
      `/clients/b/mappings/${TYPE}/fields/a..b`,
    ]);
  });

  it('are not those that differ in little', () => {
    const room = (value: unknown): unknown =>
      client({ fields: { ...FIELDS, his_room: { to: 'room', default: value } } });
    const values = [
      0,
      -0,
      [],
      {},
      '0',
      [1],
      [1, 2],
      { a: 1 },
      { b: 1 },
      { a: 1, b: 1 },
      { a: 1 },
      [1, 2],
      [1],
      null,
      false,
    ];
    const clients = Object.fromEntries(values.map((value, i) => [`c${String(i)}`, room(value)]));
    const mappings = compileMappings(documentOf(clients));
    const stored = values.map((_, i) => {
      const mapping = resolveMapping(mappings, `c${String(i)}`, TYPE)!;
      const result = transformFields(mapping, { his_appointment_id: 'A1', his_status: 'x' });
      return result.ok && result.values['room'];
    });
    expect(stored).toEqual(values);
  });

  it('are not those with other templates or zones', () => {
    const zoned = { fields: { ...FIELDS, at: { to: 'at', type: 'datetime' } } };
    const zones = ['Asia/Kolkata', 'Europe/Berlin', 'Asia/Kolkata'];
    const clients = Object.fromEntries(
      zones.map((timezone, i) => [`c${String(i)}`, { timezone, mappings: { [TYPE]: zoned } }]),
    );
    const mappings = compileMappings(documentOf(clients));
    const data = { his_appointment_id: 'A1', his_status: 'x', at: '2025-03-02T10:30:45' };
    const stored = zones.map((_, i) => {
      const result = transformFields(resolveMapping(mappings, `c${String(i)}`, TYPE)!, data);
      return result.ok && result.values['at'];
    });
    expect(stored).toEqual([
      '2025-03-02T05:00:45Z',
      '2025-03-02T09:30:45Z',
      '2025-03-02T05:00:45Z',
    ]);
  });

  it('keep the order of their fields', () => {
    const [first, second] = Object.entries(FIELDS);
    const turned = Object.fromEntries([second!, first!]);
    const mappings = compileMappings(
      documentOf({ a: client({ fields: FIELDS }), b: client({ fields: turned }) }),
    );
    const sources = (id: string) =>
      resolveMapping(mappings, id, TYPE)!.fields.map(({ source }) => source);
    expect(sources('b')).toEqual(sources('a').reverse());
  });

  it('are not those that write an empty name', () => {
    const templates = { '': { mappings: {} }, t: { mappings: {} } };
    expect(faultsOf(documentOf({ a: { extends: '' }, b: {} }, templates))).toMatchObject([
      { path: '/clients/b/mappings', message: 'is required' },
    ]);
    const empty = documentOf({ a: { extends: 't' }, b: { extends: 't', timezone: '' } }, templates);
    expect(faultsOf(empty)).toMatchObject([
      { path: '/clients/b/timezone', message: 'is not an IANA time zone' },
    ]);
  });
});

describe('a document that was parsed before', () => {
  it('may change after it was compiled', () => {
    const document = documentOf({ a: client({ fields: { ...FIELDS } }) });
    const mappings = compileMappings(document);
    const { fields } = document.clients['a']!.mappings![TYPE]!;
    Object.assign(fields!, { his_status: 'client_id' });
    expect(resolveMapping(mappings, 'a', TYPE)!.fields.map(({ to }) => to)).toEqual([
      'id',
      'status',
    ]);
  });
});
