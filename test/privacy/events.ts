import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import type { MappingSet } from '../../src/mapping/types.ts';
import { bearerTokens, type ClientLookup } from '../../src/receiver/clients.ts';
import type { DataSchemas } from '../../src/receiver/data-schemas.ts';
import { compileDataSchemas } from '../../src/schemas/data-schemas.ts';
import { generateSignature } from '../../src/signature.ts';
import {
  MARKED_NUMBER,
  MARKER as SCHEMA_MARKER,
  schemaOfA,
  VIOLATIONS,
} from '../support/data-schemas.ts';
import { forbid, markedNumber, marker } from './canary.ts';

export const NOW: number = Date.parse('2025-06-01T00:00:00Z');
export const TOKEN: string = marker();
export const SANDBOX_TOKEN: string = marker();
export const SECRET: string = `${marker()} and more, so that it is long`;

export const CLIENTS: ClientLookup = bearerTokens({
  [TOKEN]: { id: '1001', secrets: SECRET },
  [SANDBOX_TOKEN]: { id: '1001', secrets: SECRET, signature: 'optional' },
});

let events = 0;

/** The `data` of an event, with a marker in every field. */
export function markedData(): Record<string, unknown> {
  return {
    his_appointment_id: marker(),
    his_status: marker(),
    his_number: markedNumber(),
    patient: { name: marker(), phones: [{ value: marker() }, { value: markedNumber() }] },
    deep: [[[[{ a: marker() }]]]],
    nothing: null,
  };
}

/** An event with a marker wherever there is room: its id and its type are what hosts may see. */
export function markedEvent(
  data: object = {},
  envelope: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    event_id: `evt_${String(++events)}`,
    timestamp: '2025-01-08T12:00:00Z',
    type: 'appointment.created',
    source: marker(),
    note: marker(),
    more: { text: [marker(), markedNumber()] },
    data: { ...markedData(), ...data },
    ...envelope,
  };
}

/** The headers of a request, with a marker wherever a stranger may put one. */
export function markedHeaders(
  body: string | Uint8Array,
  more: Record<string, string | string[] | undefined> = {},
): Record<string, string | string[] | undefined> {
  const signature = generateSignature(body, SECRET);
  forbid(signature);
  return {
    'content-type': 'application/json',
    authorization: `Bearer ${TOKEN}`,
    'buktor-signature': signature,
    cookie: `session=${marker()}`,
    'user-agent': marker(),
    'x-patient': marker(),
    referer: `https://his.example/${marker()}`,
    ...more,
  };
}

const TYPES: Readonly<Record<string, object>> = {
  integer: { type: 'integer' },
  number: { type: 'number' },
  decimal: { type: 'decimal' },
  boolean: { type: 'boolean' },
  date: { type: 'date' },
  datetime: { type: 'datetime' },
  seconds: { type: 'datetime', format: 'epoch-seconds' },
  millis: { type: 'datetime', format: 'epoch-millis' },
  pattern: { type: 'datetime', format: 'dd/MM/yyyy HH:mm' },
  zone: { type: 'datetime', timezone: { path: 'his_zone' } },
  day: { type: 'date', format: 'dd.MM.yyyy' },
  string: { type: 'string' },
  coded: { valueMap: 'codes' },
  throws: { transform: 'throws' },
  odd: { transform: 'odd' },
};

/** Names of the fields that {@link DOCUMENT} maps with a type, a value map or a transform. */
export const TYPED: readonly string[] = Object.keys(TYPES);

const DOCUMENT: MappingDocument = {
  valueMaps: { codes: { y: 'YES' } },
  clients: {
    1001: {
      timezone: 'Asia/Kolkata',
      mappings: {
        'appointment.*': {
          fields: {
            his_appointment_id: 'id',
            his_status: 'status',
            his_number: 'number',
            'patient.name': 'name',
            ...Object.fromEntries(
              Object.entries(TYPES).map(([name, rule]) => [
                `his_${name}_in`,
                { to: `${name}_out`, ...rule },
              ]),
            ),
          },
        },
        'service.created': {
          fields: { his_service_id: 'id', his_needed: { to: 'needed', required: true } },
          unmapped: 'error',
        },
        'service.updated': { fields: { his_service_id: 'id' }, unmapped: 'warn' },
        'schema.*': { fields: { his_schema_id: 'id' } },
        'payment.*': null,
      },
    },
  },
} as unknown as MappingDocument;

const transforms = {
  throws: (value: unknown) => {
    throw new Error(`cannot read ${String(value)}`);
  },
  odd: (value: unknown) => (() => value) as never,
};

forbid(SCHEMA_MARKER);
forbid(String(MARKED_NUMBER));

/** The types of {@link SCHEMAS}, each with data that its schema refuses. */
export const MISFITS: readonly (readonly [type: string, data: object])[] = VIOLATIONS.map(
  ([, value], n) => [`schema.case_${String(n)}`, { a: value }],
);

export const SCHEMAS: DataSchemas = compileDataSchemas(
  Object.fromEntries(MISFITS.map(([type], n) => [type, schemaOfA(VIOLATIONS[n]![0])])),
  { types: MISFITS.map(([type]) => type) },
);

export const MAPPINGS: MappingSet = compileMappings(DOCUMENT, {
  transforms,
  types: MISFITS.map(([type]) => type),
});
