import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/events.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { DataSchemas } from '../../src/receiver/data-schemas.ts';
import { compileDataSchemas } from '../../src/schemas/data-schemas.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import type { EventStore, StoredEvent } from '../../src/stores/types.ts';
import { MARKED_NUMBER, MARKER, schemaOfA, VIOLATIONS } from '../support/data-schemas.ts';
import { SAMPLE_REQUEST } from '../support/document.ts';
import { fixture, post } from '../support/receiver.ts';

const sample = JSON.parse(SAMPLE_REQUEST) as JsonObject & { data: JsonObject };
const event = (overrides: JsonObject = {}, data: JsonObject = {}) => ({
  ...sample,
  ...overrides,
  data: { ...sample.data, ...data },
});

async function entries(store: EventStore): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for await (const entry of store.find({})) all.push(entry);
  return all;
}

const appointment = {
  type: 'object',
  properties: {
    his_status: { enum: ['confirmed', 'cancelled'] },
    his_created_at: { type: 'string', format: 'iso-date-time' },
    room: { type: 'object', properties: { floor: { type: 'integer' } }, required: ['floor'] },
  },
  required: ['his_appointment_id', 'his_status'],
};
const dataSchemas = compileDataSchemas({ 'appointment.*': appointment });
const refuseAll = compileDataSchemas({ 'appointment.*': false });
const MESSAGE = "The event's data does not fit its schema.";

describe('data schemas', () => {
  it('let pass what fits, and refuse what does not with every fault', async () => {
    const { receiver, store, results } = fixture({ dataSchemas });
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(200);
    const bad = event({ event_id: 'e2' }, { his_status: 'x', his_created_at: 'y', room: {} });
    const answer = await post(receiver, bad);
    expect(answer).toMatchObject({
      status: 422,
      body: {
        status: 'error',
        message: MESSAGE,
        code: 'transform_failed',
        errors: [
          { path: '/data/his_status', message: 'must be one of the allowed values' },
          { path: '/data/his_created_at', message: 'must match format "iso-date-time"' },
          { path: '/data/room/floor', message: 'is required' },
        ],
      },
    });
    const [kept] = await entries(store);
    expect(kept).toMatchObject({
      eventId: 'e2',
      type: 'appointment.created',
      state: 'quarantined',
      code: 'transform_failed',
      reason: [
        MESSAGE,
        '/data/his_status must be one of the allowed values',
        '/data/his_created_at must match format "iso-date-time"',
        '/data/room/floor is required',
      ].join('\n'),
      mappingVersion: expect.any(String) as string,
    });
    expect(results.at(-1)).toMatchObject({ code: 'transform_failed', reason: kept!.reason });
    expect(store.rows('appointment')).toHaveLength(1);
  });

  it('point into the flat form as it was sent', async () => {
    const { receiver } = fixture({ dataSchemas });
    const flat = { event_type: 'appointment.created', his_appointment_id: 'A1', room: 'x' };
    expect((await post(receiver, flat, {}, 'sandbox')).body.errors).toEqual([
      { path: '/his_status', message: 'is required' },
      { path: '/room', message: 'must be an object' },
    ]);
    const whole = fixture({ dataSchemas: refuseAll });
    const errors = async (body: object, token: string) =>
      (await post(whole.receiver, body, {}, token)).body.errors;
    expect(await errors(flat, 'sandbox')).toEqual([{ path: '', message: 'is not allowed' }]);
    expect(await errors(event(), 'token-1001')).toEqual([
      { path: '/data', message: 'is not allowed' },
    ]);
  });

  it('come before the fields of the mapping, and after the look-up of it', async () => {
    const { receiver } = fixture({ dataSchemas });
    const { his_appointment_id: _, ...data } = sample.data;
    expect((await post(receiver, { ...sample, data })).body).toMatchObject({
      message: MESSAGE,
      errors: [{ path: '/data/his_appointment_id', message: 'is required' }],
    });
    const strict = fixture({ dataSchemas: refuseAll });
    expect((await post(strict.receiver, event(), {}, 'token-1002')).body.code).toBe(
      'mapping_not_found',
    );
  });

  it('leave alone what the mapping declines, until it takes it', async () => {
    const declining = { clients: { '1001': { mappings: { 'appointment.*': null } } } };
    const { receiver, store } = fixture({
      mappings: compileMappings(declining),
      dataSchemas: refuseAll,
    });
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(200);
    expect(await entries(store)).toMatchObject([{ state: 'declined' }]);
    const taking = fixture({ store, dataSchemas: refuseAll });
    expect(await taking.receiver.replay({ force: true })).toMatchObject({ refused: 1 });
  });

  it('answer a resend of an applied event with 200 after they became stricter', async () => {
    const { receiver, store } = fixture({ dataSchemas });
    await post(receiver, SAMPLE_REQUEST);
    const stricter = fixture({ store, dataSchemas: refuseAll });
    const again = await post(stricter.receiver, SAMPLE_REQUEST);
    expect(again.status).toBe(200);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(await entries(store)).toMatchObject([{ state: 'applied' }]);
  });

  it('bring the types they were compiled for', async () => {
    const types = ['bed.moved'];
    const document = {
      clients: { '1001': { mappings: { 'bed.moved': { fields: { his_bed_id: 'id' } } } } },
    };
    const mappings = compileMappings(document, { types });
    const bed = { type: 'object', properties: { his_bed_id: { type: 'string' } } };
    const schemas = compileDataSchemas({ 'bed.*': bed }, { types });
    const { receiver } = fixture({ mappings: () => mappings, dataSchemas: schemas });
    const moved = { ...sample, type: 'bed.moved', operation: 'moved', data: { his_bed_id: 'B1' } };
    expect((await post(receiver, moved)).status).toBe(200);
    expect(
      (await post(receiver, { ...moved, event_id: 'e2', data: { his_bed_id: 1 } })).body.errors,
    ).toEqual([{ path: '/data/his_bed_id', message: 'must be a string' }]);
  });
});

describe('replay()', () => {
  it('takes an event out of quarantine once the schema was mended', async () => {
    const store = sqliteStore({ path: ':memory:' });
    const first = fixture({ store, dataSchemas: refuseAll });
    expect((await post(first.receiver, SAMPLE_REQUEST)).status).toBe(422);
    const other = event({ event_id: 'e2' }, { his_status: 'x' });
    expect((await post(first.receiver, other)).status).toBe(422);
    expect(await first.receiver.replay()).toMatchObject({ applied: 0, refused: 2 });

    const mended = fixture({ store, dataSchemas });
    expect(await mended.receiver.replay()).toMatchObject({ applied: 1, refused: 1 });
    const kept = await entries(store);
    expect(kept.map(({ eventId, state }) => [eventId, state]).sort()).toEqual([
      ['e2', 'quarantined'],
      ['evt_123456', 'applied'],
    ]);
    expect(kept.find(({ eventId }) => eventId === 'e2')!.reason).toContain('/data/his_status');
    await mended.receiver.close();
  });
});

describe('a refusal', () => {
  it('repeats no value of the data: answer, quarantine, onResult', async () => {
    const receivers = VIOLATIONS.map(
      ([schema, value]) =>
        [
          fixture({ dataSchemas: compileDataSchemas({ 'appointment.*': schemaOfA(schema) }) }),
          value,
        ] as const,
    );
    let sent = 0;
    const wrap = fc.constantFrom<(value: unknown) => unknown>(
      (value) => value,
      (value) => [value, MARKER],
      (value) => ({ b: value, c: MARKED_NUMBER }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...receivers), wrap, async ([fix, value], wrapped) => {
        const data = { a: wrapped(value) } as JsonObject;
        const answer = await post(fix.receiver, event({ event_id: `e${String(sent++)}` }, data));
        const kept = (await entries(fix.store)).map(({ body: _, ...entry }) => entry);
        const told = JSON.stringify([answer, kept, fix.results]);
        expect(told).not.toContain(MARKER);
        expect(told).not.toContain(String(MARKED_NUMBER));
      }),
      { numRuns: 300 },
    );
    for (const [fix, value] of receivers) {
      const refused = event({ event_id: 'refused' }, { a: value } as JsonObject);
      expect((await post(fix.receiver, refused)).status).toBe(422);
    }
  });
});

describe('schemas of the host’s own', () => {
  it('are asked for every event, and answer by faults', async () => {
    const asked: unknown[] = [];
    const own: DataSchemas = {
      types: [],
      validate: (type, data) => {
        asked.push([type, data]);
        return [{ path: '/x', message: 'is odd' }];
      },
    };
    const { receiver } = fixture({ dataSchemas: own });
    expect((await post(receiver, SAMPLE_REQUEST)).body.errors).toEqual([
      { path: '/data/x', message: 'is odd' },
    ]);
    expect(asked).toEqual([['appointment.created', sample.data]]);
  });

  it('acknowledge nothing by accident', async () => {
    for (const validate of [
      () => Promise.resolve([]),
      () => undefined,
      () => true,
      () => {
        throw new Error('broken');
      },
    ]) {
      const own = { types: [], validate } as unknown as DataSchemas;
      const { receiver, store, results } = fixture({ dataSchemas: own });
      expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(500);
      expect(results[0]!.error).toBeInstanceOf(Error);
      expect(await entries(store)).toEqual([]);
    }
  });

  it.each<[string, unknown]>([
    ['schemas that were not compiled', { 'appointment.*': appointment }],
    ['a misspelt validate', { types: [], validte: () => [] }],
    ['no types', { validate: () => [] }],
    ['types that are no list', { types: 'bed.moved', validate: () => [] }],
    ['a type without an operation', { types: ['bed'], validate: () => [] }],
    ['null', null],
  ])('are refused at once: %s', (_, wrong) => {
    expect(() => fixture({ dataSchemas: wrong as DataSchemas })).toThrow(ConfigurationError);
  });
});
