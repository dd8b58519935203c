import { createRequire } from 'node:module';
import { deepStrictEqual } from 'node:assert/strict';
import {
  type CompiledMapping,
  compileMappings,
  type JsonObject,
  type MappingDocument,
  type MappingSet,
  resolveMapping,
  transformFields,
} from '@buktor/his-webhook';
import jsonata from 'jsonata';
import { Temporal } from 'temporal-polyfill';
import { sampleMapping } from '../../src/cli/sample.ts';
import { EVENT_TYPES } from '../../src/events.ts';
import type { Plan } from './plan.ts';
import type { Measured } from './row.ts';

const require = createRequire(import.meta.url);
const objectMapper = require('object-mapper') as (source: object, map: object) => object;
const { morphism } = require('morphism') as {
  morphism: (schema: object) => (source: object) => object;
};

/** So many different events, in turn, so that no result can be taken for the next. */
const EVENTS = 256;
const TYPE = 'appointment.created';

let sink: unknown;

/** Everything that a row of this group says but the group. */
type Line = Omit<Measured, 'group'>;

/** `npm run bench -- mapping` */
export async function benchMapping(plan: Plan): Promise<void> {
  const rounds = plan.rounds(31);
  for (const lines of [benchRename, benchTyped, benchClients]) {
    for (const line of await lines(rounds)) plan.tell({ group: 'mapping', ...line });
  }
}

const mappingOf = (document: MappingDocument): CompiledMapping =>
  resolveMapping(compileMappings(document), '1001', TYPE)!;

/** The five fields of the document's sample, against libraries that map objects. */
async function benchRename(rounds: number): Promise<readonly Line[]> {
  const document = sampleMapping('1001');
  const { fields = {} } = document.clients['1001']!.mappings![TYPE]!;
  const renames = Object.entries(fields) as [string, string][];
  const events = Array.from({ length: EVENTS }, (_, i): JsonObject => ({
    his_appointment_id: `A${String(i)}`,
    his_patient_id: `P${String(i % 40)}`,
    his_doctor_id: `D${String(i % 9)}`,
    his_status: i % 3 === 0 ? 'confirmed' : 'arrived',
    his_created_at: `2025-03-02T10:${String(10 + (i % 50))}:45`,
  }));
  const mapping = mappingOf(document);
  const ours = (data: JsonObject): JsonObject => {
    const result = transformFields(mapping, data);
    if (!result.ok) throw new Error('refused');
    return { ...result.key, ...result.values };
  };
  const map = Object.fromEntries(renames);
  const morph = morphism(Object.fromEntries(renames.map(([from, to]) => [to, from])));
  const expression = jsonata(`{${renames.map(([from, to]) => `"${to}": ${from}`).join(', ')}}`);
  const rivals: [string, number, (data: JsonObject) => unknown][] = [
    ['object-mapper', 20, (data) => objectMapper(data, map)],
    ['morphism', 20, (data) => morph(data)],
    ['compiled jsonata', 50, (data) => expression.evaluate(data) as Promise<unknown>],
  ];
  const lines: Line[] = [];
  for (const [name, bar, theirs] of rivals) {
    for (const data of events) deepStrictEqual({ ...((await theirs(data)) as object) }, ours(data));
    const transform = (data: JsonObject): unknown => transformFields(mapping, data);
    lines.push(await faster(`five-field rename / ${name}`, bar, rounds, events, transform, theirs));
  }
  return lines;
}

const TYPED: MappingDocument = {
  valueMaps: {
    'visit-status': {
      confirmed: 'CONFIRMED',
      arrived: 'ARRIVED',
      x: 'CANCELLED',
      done: 'COMPLETED',
    },
  },
  clients: {
    '1001': {
      timezone: 'Europe/Berlin',
      mappings: {
        [TYPE]: {
          fields: {
            his_appointment_id: 'buktor_appointment_id',
            his_patient_id: 'buktor_patient_id',
            his_doctor_id: { to: 'buktor_doctor_id', type: 'string' },
            his_status: { to: 'buktor_status', valueMap: 'visit-status', required: true },
            his_starts_at: { to: 'buktor_starts_at', type: 'datetime' },
            his_ends_at: { to: 'buktor_ends_at', type: 'datetime' },
            his_fee: { to: 'buktor_fee', type: 'decimal' },
            his_room: 'buktor_room',
            'his_location.id': 'buktor_location_id',
            his_is_first: { to: 'buktor_is_first', type: 'boolean' },
            his_priority: { to: 'buktor_priority', type: 'integer', default: 3 },
            his_note: 'buktor_note',
          },
        },
      },
    },
  },
};

/** Two zoned date-times, a value map and a decimal among twelve fields. */
async function benchTyped(rounds: number): Promise<readonly Line[]> {
  const events = Array.from({ length: EVENTS }, (_, i): JsonObject => {
    const day = String(1 + (i % 28)).padStart(2, '0');
    const month = String(1 + (i % 12)).padStart(2, '0');
    return {
      his_appointment_id: `A-2025-${String(100_000 + i)}`,
      his_patient_id: `P-${String(5_000 + i)}`,
      his_doctor_id: `D-${String(i % 30)}`,
      his_status: ['confirmed', 'arrived', 'x', 'done'][i % 4]!,
      his_starts_at: `2025-${month}-${day}T${String(8 + (i % 9)).padStart(2, '0')}:30:00`,
      his_ends_at: `2025-${month}-${day}T${String(8 + (i % 9)).padStart(2, '0')}:50:00`,
      his_fee: `${String(40 + i)}.50`,
      his_room: `R${String(i % 20)}`,
      his_location: { id: `L${String(i % 5)}`, name: 'Main building' },
      his_is_first: i % 2 === 0,
      his_note: 'First visit after the operation; bring the X-rays.',
    };
  });
  const mapping = mappingOf(TYPED);
  const codes = TYPED.valueMaps!['visit-status']!;
  const ours = (data: JsonObject): unknown => transformFields(mapping, data);
  const uncached = (data: JsonObject): unknown => ({
    ok: true,
    key: { buktor_appointment_id: data['his_appointment_id'] },
    values: {
      buktor_patient_id: data['his_patient_id'],
      buktor_doctor_id: data['his_doctor_id'],
      buktor_status: codes[data['his_status'] as string],
      buktor_starts_at: toUtc(data['his_starts_at'] as string),
      buktor_ends_at: toUtc(data['his_ends_at'] as string),
      buktor_fee: data['his_fee'],
      buktor_room: data['his_room'],
      buktor_location_id: (data['his_location'] as JsonObject)['id'],
      buktor_is_first: data['his_is_first'],
      buktor_priority: data['his_priority'] ?? 3,
      buktor_note: data['his_note'],
    },
  });
  for (const data of events) deepStrictEqual(uncached(data), ours(data));
  const texts = new Map(
    events.map((data, i) => [
      data,
      JSON.stringify({
        event_id: `evt_0193a1b2c3d47e8f9a0b${String(i).padStart(12, '0')}`,
        timestamp: '2025-01-08T12:00:00Z',
        type: TYPE,
        operation: 'created',
        data,
        source: 'HIS',
      }),
    ]),
  );
  const parse = (data: JsonObject): unknown => JSON.parse(texts.get(data)!);
  return [
    await faster('12 fields, two zoned / uncached Temporal', 5, rounds, events, ours, uncached),
    await faster('12 fields, two zoned / JSON.parse', 0.6, rounds, events, ours, parse),
  ];
}

function toUtc(local: string): string {
  return Temporal.PlainDateTime.from(local).toZonedDateTime('Europe/Berlin').toInstant().toString();
}

/** A document of so many clients with all 14 types each, nineteen of twenty through one template. */
function manyClients(count: number): MappingDocument {
  const mappings = Object.fromEntries(
    EVENT_TYPES.map((type) => {
      const resource = type.split('.')[0]!;
      return [
        type,
        {
          fields: {
            [`his_${resource}_id`]: `buktor_${resource}_id`,
            his_name: 'buktor_name',
            his_code: { to: 'buktor_code', type: 'string' as const },
            his_changed_at: { to: 'buktor_changed_at', type: 'datetime' as const },
            his_note: 'buktor_note',
          },
        },
      ];
    }),
  );
  const zones = ['Asia/Kolkata', 'Europe/Berlin', 'America/New_York'];
  const clients = Array.from({ length: count }, (_, i) => {
    const timezone = zones[i % zones.length]!;
    return [
      String(1001 + i),
      i % 20 === 7 ? { timezone, mappings } : { extends: 'acme-his', timezone },
    ];
  });
  return {
    templates: { 'acme-his': { mappings } },
    clients: Object.fromEntries(clients) as MappingDocument['clients'],
  };
}

/** What thousands of clients cost: to load, to look up, to keep. */
function benchClients(rounds: number): readonly Line[] {
  const count = 20_000;
  const text = JSON.stringify(manyClients(count));
  const times: { bare: number[]; loading: number[] } = { bare: [], loading: [] };
  const once = (work: () => unknown): number => {
    sink = undefined;
    globalThis.gc?.();
    const start = performance.now();
    sink = work();
    return performance.now() - start;
  };
  for (let round = 0; round < Math.min(rounds, 15); round++) {
    times.bare.push(once(() => JSON.parse(text)));
    times.loading.push(once(() => compileMappings(text)));
  }
  sink = undefined;
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const many = compileMappings(text);
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  const loading: Line = {
    name: `loading ${String(count)} clients × 14 types / JSON.parse of the ${(text.length / 1e6).toFixed(1)} MB`,
    unit: 'ms',
    ours: times.loading,
    baseline: times.bare,
    direction: 'at most',
    bar: 4,
    note: `${bytes.toFixed(0)} bytes of memory a client`,
  };

  const few = compileMappings(manyClients(20));
  const lookUp = (set: MappingSet, clients: number): number => {
    // As many names on both sides, so that only the number of clients differs.
    const ids = Array.from({ length: 20 }, (_, i) => String(1001 + ((i * 7919) % clients)));
    const start = performance.now();
    for (let i = 0; i < 200_000; i++) sink = resolveMapping(set, ids[i % 20]!, TYPE);
    return ((performance.now() - start) / 200_000) * 1e6;
  };
  lookUp(many, count);
  lookUp(few, 20);
  const lookUps: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  for (let round = 0; round < rounds; round++) {
    lookUps.ours.push(lookUp(many, count));
    lookUps.baseline.push(lookUp(few, 20));
  }
  return [
    loading,
    {
      name: `look-up among ${String(count)} clients / among 20`,
      unit: 'ns',
      ...lookUps,
      direction: 'at most',
      bar: 1.5,
    },
  ];
}

/** Measures both sides in turns; a side that gives promises is awaited. */
async function faster(
  name: string,
  bar: number,
  rounds: number,
  events: readonly JsonObject[],
  ours: (data: JsonObject) => unknown,
  theirs: (data: JsonObject) => unknown,
): Promise<Line> {
  for (const work of [ours, theirs]) await time(work, events, 60);
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let round = 0; round < rounds; round++) {
    const isOursFirst = round % 2 === 0;
    const first = await time(isOursFirst ? ours : theirs, events, 12);
    const second = await time(isOursFirst ? theirs : ours, events, 12);
    const [mine, other] = isOursFirst ? [first, second] : [second, first];
    times.ours.push(mine);
    times.theirs.push(other);
  }
  const values = times.ours.map((mine, round) => times.theirs[round]! / mine);
  // How many times as fast, not how long.
  return {
    name,
    unit: 'µs',
    ours: times.ours,
    baseline: times.theirs,
    values,
    direction: 'at least',
    bar,
  };
}

/** Microseconds a call, over about so many milliseconds. */
async function time(
  work: (data: JsonObject) => unknown,
  events: readonly JsonObject[],
  milliseconds: number,
): Promise<number> {
  const isAsync = work(events[0]!) instanceof Promise;
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  do {
    if (isAsync) for (const data of events) sink = await work(data);
    else for (const data of events) sink = work(data);
    calls += events.length;
    elapsed = performance.now() - start;
  } while (elapsed < milliseconds);
  if (sink === undefined) throw new Error('the work gave nothing');
  return (elapsed / calls) * 1e3;
}
