import { describe, expect, it, vi } from 'vitest';
import { ConfigurationError, StorageError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/events.ts';
import { sha256 } from '../../src/json.ts';
import { compileMappings } from '../../src/mapping/compile.ts';
import type { MappingSet } from '../../src/mapping/types.ts';
import type { MappingDocument } from '../../src/mapping/document.ts';
import { bearerTokens, type Client } from '../../src/receiver/clients.ts';
import { createReceiver } from '../../src/receiver/receiver.ts';
import type { ReceiverRequest } from '../../src/receiver/types.ts';
import { signRequest } from '../../src/sender/request.ts';
import { generateSignature } from '../../src/signature.ts';
import { memoryStore } from '../../src/stores/memory.ts';
import type { EventStore, StoredEvent, Verdict } from '../../src/stores/types.ts';
import { listCorpus, missingCorpus, readCorpus } from '../support/corpora.ts';
import { permutations } from '../../src/testing/changes.ts';
import { SAMPLE_CURL_BODY, SAMPLE_REQUEST, SAMPLE_ROW, SUCCESS_BODY } from '../support/document.ts';
import { CLIENTS, fixture, NOW, post, SECRET, signedHeaders } from '../support/receiver.ts';

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

describe("the document's event", () => {
  it('is stored once, however often it is sent', async () => {
    const { receiver, store } = fixture();
    const first = await post(receiver, SAMPLE_REQUEST);
    expect(first).toMatchObject({ status: 200, body: SUCCESS_BODY });
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    for (const again of [SAMPLE_REQUEST, SAMPLE_REQUEST.replaceAll('\n', ' ')]) {
      const next = await post(receiver, again);
      expect(next).toMatchObject({ status: 200, body: SUCCESS_BODY });
      expect(next.headers['idempotent-replayed']).toBe('true');
    }
    expect(store.rows('appointment')).toEqual([
      { ...SAMPLE_ROW, his_deleted_at: null, his_versions: expect.anything() as unknown },
    ]);
  });

  it('is answered with the message of the document where there is no mapping', async () => {
    const { receiver, store } = fixture();
    const answer = await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    expect(answer).toMatchObject({
      status: 422,
      body: {
        status: 'error',
        message: "No mapping found for event_type 'appointment.created' and Client-ID 1002.",
        code: 'mapping_not_found',
      },
    });
    expect(await entries(store)).toMatchObject([
      { clientId: '1002', eventId: 'evt_123456', state: 'quarantined', code: 'mapping_not_found' },
    ]);
  });

  it('is checked before it is believed: what the clock, the id and the client say', async () => {
    const { receiver } = fixture();
    await post(receiver, SAMPLE_REQUEST);
    const other = event({}, { his_status: 'cancelled' });
    expect(await post(receiver, other)).toMatchObject({
      status: 409,
      body: {
        code: 'event_id_conflict',
        message: 'This event_id was used before, for an event with other content.',
      },
    });
    const ahead = event({ event_id: 'e2', timestamp: '2025-06-01T01:00:00Z' });
    expect(await post(receiver, ahead)).toMatchObject({
      status: 422,
      body: { code: 'timestamp_in_future', message: expect.stringContaining('3600 s') as string },
    });
    const edge = event({ event_id: 'e3', timestamp: '2025-06-01T00:15:00Z' });
    expect((await post(receiver, edge)).status).toBe(200);
    expect(await post(receiver, edge, { 'client-id': '1002' })).toMatchObject({
      status: 403,
      body: { code: 'client_mismatch' },
    });
    expect((await post(receiver, edge, { 'client-id': '1001' })).status).toBe(200);
  });

  it('leaves the same row for created, updated and deleted of one second, in every order', async () => {
    const mappings = compileMappings({
      clients: {
        '1001': {
          mappings: {
            'appointment.*': {
              fields: { his_appointment_id: 'id', his_status: 'status', room: 'room' },
            },
          },
        },
      },
    });
    const events = [
      event({ event_id: 'c', type: 'appointment.created', operation: 'created' }, { room: 1 }),
      event({ event_id: 'u', type: 'appointment.updated', operation: 'updated' }, { room: 2 }),
      event({ event_id: 'd', type: 'appointment.deleted', operation: 'deleted' }, { room: 3 }),
    ];
    const rows = new Set<string>();
    for (const order of permutations(events)) {
      const { receiver, store } = fixture({ mappings });
      for (const one of [...order, order[0]!]) expect((await post(receiver, one)).status).toBe(200);
      const [row] = store.rows('appointment');
      expect(row).toMatchObject({ room: 3, his_deleted_at: '2025-01-08T12:00:00.000000000Z' });
      rows.add(JSON.stringify(Object.entries(row!).sort()));
    }
    expect(rows.size).toBe(1);
  });
});

const noSuite = missingCorpus('json-test-suite');
describe.skipIf(noSuite)(`JSONTestSuite${noSuite ? ` (${noSuite})` : ''}`, () => {
  it('all 188 n_ files are answered 400, and kept', async () => {
    const { receiver } = fixture();
    const folder = 'json-test-suite/test_parsing';
    const files = listCorpus(folder).filter((file) => file.startsWith('n_'));
    expect(files).toHaveLength(188);
    for (const file of files) {
      const answer = await post(receiver, readCorpus(`${folder}/${file}`));
      expect([answer.status, answer.body.code], file).toEqual([400, 'invalid_json']);
    }
  });
});

describe("the document's cURL", () => {
  it('is stored for a sandbox client, unsigned and flat', async () => {
    const { receiver, store } = fixture();
    const send = () =>
      post(receiver, SAMPLE_CURL_BODY, { 'buktor-signature': undefined }, 'sandbox');
    expect(await send()).toMatchObject({ status: 200, body: SUCCESS_BODY });
    expect((await send()).headers['idempotent-replayed']).toBe('true');
    expect(store.rows('appointment')).toMatchObject([SAMPLE_ROW]);
    expect(await entries(store)).toMatchObject([
      {
        eventId: `sha256-${sha256(SAMPLE_CURL_BODY)}`,
        form: 'shorthand',
        occurredAt: '2025-06-01T00:00:00.000000000Z',
      },
    ]);
  });

  it('is an invalid envelope for any other client, and says why', async () => {
    const { receiver, store } = fixture();
    expect(await post(receiver, SAMPLE_CURL_BODY)).toMatchObject({
      status: 400,
      body: {
        code: 'invalid_envelope',
        errors: [
          { path: '', message: expect.stringContaining('sandbox') as string },
          {},
          {},
          {},
          {},
        ],
      },
    });
    expect((await entries(store))[0]!.reason).toMatch(
      /^The body is not a valid event\.\nthe flat form with event_type is for sandbox clients\n/,
    );
    const kept = [{ form: 'envelope', state: 'quarantined', code: 'invalid_envelope' }];
    expect(await entries(store)).toMatchObject(kept);
    expect(await receiver.replay()).toMatchObject({ applied: 0, refused: 1 });
    expect(await entries(store)).toMatchObject(kept);
  });

  it('must verify where it is signed', async () => {
    const { receiver } = fixture();
    const wrong = { 'buktor-signature': 'f'.repeat(64) };
    expect((await post(receiver, SAMPLE_CURL_BODY, wrong, 'sandbox')).status).toBe(401);
    const empty = { 'buktor-signature': '' };
    expect((await post(receiver, SAMPLE_CURL_BODY, empty, 'sandbox')).status).toBe(401);
    expect((await post(receiver, SAMPLE_CURL_BODY, {}, 'sandbox')).status).toBe(200);
  });

  it('points at faults where the sender wrote them', async () => {
    const { receiver } = fixture();
    const flat = { event_type: 'appointment.created', his_status: 'x' };
    expect(await post(receiver, flat, {}, 'sandbox')).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/his_appointment_id', message: 'is required' }] },
    });
    const typo = { event_type: 'appointment.create', his_appointment_id: 'A1' };
    expect(await post(receiver, typo, {}, 'sandbox')).toMatchObject({
      status: 400,
      body: { errors: [{ path: '/event_type', message: 'is not a supported event type' }] },
    });
    const badId = { ...flat, event_id: 'a b' };
    expect((await post(receiver, badId, {}, 'sandbox')).body.errors).toMatchObject([
      { path: '/event_id' },
    ]);
    expect(
      (await post(receiver, event({ type: 'appointment.create' }))).body.errors,
    ).toContainEqual({ path: '/type', message: 'is not a supported event type' });
    const { his_appointment_id: _, ...data } = sample.data;
    expect(await post(receiver, { ...sample, data })).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/data/his_appointment_id', message: 'is required' }] },
    });
  });
});

describe('a request', () => {
  const send = (request: Partial<ReceiverRequest>, limits = {}) => {
    const { receiver, results } = fixture({ limits });
    const body = Buffer.from(SAMPLE_REQUEST);
    const whole = { method: 'POST', headers: signedHeaders(body), body, ...request };
    return receiver.receive(whole).then((answer) => ({ answer, result: results[0]! }));
  };
  async function* never(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{');
    await new Promise(() => undefined);
  }
  async function* aborted(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from('{'));
    throw new Error('aborted');
  }
  const headers = signedHeaders(SAMPLE_REQUEST);

  it.each<[string, Partial<ReceiverRequest>, number, string, string | null]>([
    ['with another method', { method: 'PUT' }, 405, 'method_not_allowed', null],
    [
      'of another type',
      { headers: { ...headers, 'content-type': 'text/plain' } },
      415,
      'unsupported_media_type',
      null,
    ],
    [
      'with an unknown token',
      { headers: { ...headers, authorization: 'Bearer x' } },
      401,
      'unauthorized',
      null,
    ],
    [
      'with a wrong signature',
      { headers: { ...headers, 'buktor-signature': 'f'.repeat(64) } },
      401,
      'unauthorized',
      '1001',
    ],
    [
      'of another client',
      { headers: { ...headers, 'client-id': '1002' } },
      403,
      'client_mismatch',
      '1001',
    ],
    ['with a large body', { body: Buffer.alloc(1001) }, 413, 'payload_too_large', '1001'],
    ['with a slow body', { body: never() }, 408, 'request_timeout', '1001'],
    ['with a body that breaks off', { body: aborted() }, 408, 'request_timeout', '1001'],
    ['with a parsed body', { body: { event_id: 'e1' } }, 500, 'body_already_parsed', '1001'],
  ])(
    '%s is refused, and the host is told whose it was',
    async (_, request, status, code, client) => {
      const limits = { bodyBytes: 1000, bodyTimeout: 20 };
      const { answer, result } = await send(request, limits);
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body)).toMatchObject({ status: 'error', code });
      expect(result).toMatchObject({ status, code, clientId: client });
    },
  );

  it('that is too large is told the limit', async () => {
    const { answer } = await send({ body: Buffer.alloc(1001) }, { bodyBytes: 1000 });
    expect(JSON.parse(answer.body)).toEqual({
      status: 'error',
      code: 'payload_too_large',
      message: 'The body is larger than 1000 bytes.',
    });
  });

  it('is answered with JSON that nobody keeps', async () => {
    const common = {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    };
    expect((await send({})).answer.headers).toEqual(common);
    const { answer } = await send({ method: 'GET' });
    expect(answer.headers).toEqual({ ...common, allow: 'POST' });
    const invalid = Buffer.from('x');
    const { answer: other } = await send({ body: invalid, headers: signedHeaders(invalid) });
    expect(other.headers).toEqual(common);
  });
});

describe('the tombstone', () => {
  const visit = (type: string, second: number) =>
    event({
      event_id: `${type}-${String(second)}`,
      type: `appointment.${type}`,
      operation: type,
      timestamp: `2025-01-08T12:00:0${String(second)}Z`,
    });
  const mappings = compileMappings({
    clients: {
      '1001': { mappings: { 'appointment.*': { fields: { his_appointment_id: 'id' } } } },
    },
  });

  it('is set by deleted, lifted by a newer created, and left alone by updated', async () => {
    const { receiver, store } = fixture({ mappings });
    const tombstone = () => store.rows('appointment')[0]!['his_deleted_at'];
    await post(receiver, visit('updated', 1));
    expect(tombstone() ?? null).toBeNull();
    await post(receiver, visit('deleted', 2));
    await post(receiver, visit('updated', 3));
    expect(tombstone()).toBe('2025-01-08T12:00:02.000000000Z');
    await post(receiver, visit('created', 4));
    expect(tombstone()).toBeNull();
  });
});

describe('what a stranger may learn', () => {
  it('is one answer for a bad token and a bad signature, to the byte', async () => {
    const { receiver, store } = fixture();
    const answers = [];
    for (const headers of [
      { authorization: undefined },
      { authorization: 'Bearer unknown' },
      { authorization: 'Basic dG9rZW4tMTAwMQ==' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer token-1001 x' },
      { authorization: ['Bearer token-1001', 'Bearer token-1001'] },
      { Authorization: 'Bearer token-1001' },
      { 'buktor-signature': undefined },
      { 'buktor-signature': '' },
      { 'buktor-signature': 'f'.repeat(64) },
      { 'buktor-signature': [signedHeaders(SAMPLE_REQUEST)['buktor-signature']!, 'x'] },
      { 'Buktor-Signature': signedHeaders(SAMPLE_REQUEST)['buktor-signature']! },
    ]) {
      answers.push(await post(receiver, SAMPLE_REQUEST, headers));
    }
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(answers[0]!.headers['www-authenticate']).toBe('Bearer');
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await entries(store)).toEqual([]);
  });

  it('is nothing of the body before its signature holds', async () => {
    const { receiver } = fixture();
    const headers = { 'buktor-signature': 'f'.repeat(64), 'client-id': 'other' };
    expect((await post(receiver, 'not json', headers)).status).toBe(401);
    expect((await post(receiver, 'not json', { 'client-id': 'other' })).status).toBe(403);
    expect((await post(receiver, 'not json')).status).toBe(400);
  });

  it('takes the scheme in any case', async () => {
    const { receiver } = fixture();
    const headers = { authorization: 'bearer  token-1001' };
    expect((await post(receiver, SAMPLE_REQUEST, headers)).status).toBe(200);
  });
});

describe('quarantine and replay', () => {
  const mapped: MappingSet = compileMappings({
    clients: {
      '1002': {
        mappings: { 'appointment.*': { fields: { his_appointment_id: 'id', his_status: 's' } } },
      },
    },
  });
  const none = compileMappings({ clients: {} });

  it('keeps an event until its mapping is there, and replay stores it', async () => {
    let mappings = none;
    const { receiver, store } = fixture({ mappings: () => mappings });
    await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    await post(receiver, event({ event_id: 'e2' }, { his_appointment_id: null }), {}, 'token-1002');
    expect(await receiver.replay()).toMatchObject({ applied: 0, refused: 2 });

    mappings = mapped;
    expect(await receiver.replay({ clientId: '1001' })).toMatchObject({ applied: 0, refused: 0 });
    expect(await receiver.replay({ clientId: '1002' })).toMatchObject({ applied: 1, refused: 1 });
    expect(store.rows('appointment')).toMatchObject([{ client_id: '1002', id: 'A123' }]);
    expect(await entries(store)).toMatchObject([
      {
        eventId: 'e2',
        state: 'quarantined',
        code: 'transform_failed',
        attempts: 3,
        occurredAt: '2025-01-08T12:00:00.000000000Z',
      },
      { eventId: 'evt_123456', state: 'applied', mappingVersion: mapped.version },
    ]);
    const reason = (await entries(store))[0]!.reason;
    expect(reason).toBe(
      'The event has fields that cannot be stored.\n/data/his_appointment_id is required',
    );
  });

  it('processes a resend as new once the mapping is mended', async () => {
    let mappings = none;
    const { receiver } = fixture({ mappings: () => mappings });
    await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    mappings = mapped;
    const answer = await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('idempotent-replayed');
    expect(await receiver.replay()).toMatchObject({ applied: 0, refused: 0, duplicate: 0 });
  });

  it('answers a resend of an applied event with 200 after its mapping was removed', async () => {
    let mappings = mapped;
    const { receiver, store } = fixture({ mappings: () => mappings });
    await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    const before = store.rows('appointment');
    mappings = none;
    const again = await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    expect(again.status).toBe(200);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(store.rows('appointment')).toEqual(before);
    expect(await entries(store)).toMatchObject([{ state: 'applied', attempts: 1 }]);
    const other = event({}, { his_status: 'other' });
    expect((await post(receiver, other, {}, 'token-1002')).status).toBe(422);
    expect(await entries(store)).toMatchObject([{ state: 'quarantined' }, { state: 'applied' }]);
  });

  it('replays by force what was applied or declined, under the mapping of now', async () => {
    const declined = compileMappings({
      clients: { '1002': { mappings: { 'appointment.*': null } } },
    });
    let mappings = declined;
    const { receiver, store } = fixture({ mappings: () => mappings });
    expect((await post(receiver, SAMPLE_REQUEST, {}, 'token-1002')).status).toBe(200);
    expect(store.rows('appointment')).toEqual([]);
    expect(await entries(store)).toMatchObject([{ state: 'declined' }]);
    expect(await receiver.replay()).toMatchObject({ applied: 0 });
    expect(await receiver.replay({ force: true })).toMatchObject({ declined: 1 });
    mappings = mapped;
    expect(await receiver.replay({ force: true })).toMatchObject({ applied: 1 });
    expect(store.rows('appointment')).toMatchObject([{ id: 'A123', s: 'confirmed' }]);
    await store.prune({ bodiesBefore: new Date(NOW + 1) });
    expect(await receiver.replay({ force: true })).toMatchObject({ applied: 0, skipped: 1 });
  });

  it('keeps every kind of refused body, with a reason that holds no value', async () => {
    const { receiver, store } = fixture();
    await post(receiver, SAMPLE_REQUEST);
    const refused: (string | Uint8Array | object)[] = [
      '{"name": "SECRET"',
      Uint8Array.of(0x22, 0xff, 0x22),
      ['SECRET'],
      event({ event_id: 'e1', timestamp: 'SECRET' }),
      event({ event_id: 'e2', timestamp: '2099-01-01T00:00:00Z' }),
      event({ event_id: 'e3' }, { his_appointment_id: { SECRET: 1 } }),
      event({}, { his_status: 'SECRET' }),
    ];
    for (const body of refused) {
      const answer = await post(receiver, body);
      expect([400, 409, 422]).toContain(answer.status);
      expect(JSON.stringify(answer)).not.toContain('SECRET');
    }
    const kept = (await entries(store)).filter(({ state }) => state === 'quarantined');
    expect(kept.map(({ code }) => code).sort()).toEqual([
      'event_id_conflict',
      'invalid_envelope',
      'invalid_envelope',
      'invalid_json',
      'invalid_json',
      'timestamp_in_future',
      'transform_failed',
    ]);
    for (const { reason } of kept) expect(reason).not.toContain('SECRET');
    expect(kept.map(({ form }) => form)).toEqual(kept.map(() => 'envelope'));
    expect(kept.find(({ eventId }) => eventId === 'e1')).toMatchObject({
      code: 'invalid_envelope',
    });
    expect(await receiver.replay()).toMatchObject({ refused: 7 });
    expect((await entries(store)).length).toBe(8);
  });

  it('drops a refused body once a replay finds that its event was applied before', async () => {
    const types = ['bed.moved'];
    const mappings = compileMappings(
      { clients: { '1001': { mappings: { 'bed.moved': { fields: { his_bed_id: 'id' } } } } } },
      { types },
    );
    const { receiver, store } = fixture({ types, mappings });
    const moved = { ...sample, type: 'bed.moved', operation: 'moved', data: { his_bed_id: 'B1' } };
    expect((await post(receiver, moved)).status).toBe(200);
    // Another instance, which does not know the type, has the same inbox.
    const other = fixture({ store, mappings: compileMappings({ clients: {} }) });
    expect((await post(other.receiver, moved)).status).toBe(400);
    expect(await entries(store)).toMatchObject([{ state: 'quarantined' }, { state: 'applied' }]);
    expect(await receiver.replay()).toMatchObject({ duplicate: 1 });
    expect(await entries(store)).toMatchObject([{ eventId: 'evt_123456', state: 'applied' }]);
  });

  it('yields to a resend that comes while it runs', async () => {
    let mappings = none;
    let atLookUp: (() => Promise<void>) | undefined;
    const { receiver, store } = fixture({
      mappings: async () => {
        await atLookUp?.();
        return mappings;
      },
    });
    const first = event({}, { his_status: 'first' });
    const second = event({}, { his_status: 'second' });
    expect((await post(receiver, first, {}, 'token-1002')).status).toBe(422);
    atLookUp = async () => {
      atLookUp = undefined;
      expect((await post(receiver, second, {}, 'token-1002')).status).toBe(422);
      mappings = mapped;
    };
    expect(await receiver.replay()).toMatchObject({ applied: 0, duplicate: 1 });
    const [kept] = await entries(store);
    expect(Buffer.from(kept!.body!).toString()).toContain('second');
    expect(await receiver.replay()).toMatchObject({ applied: 1 });
    expect(store.rows('appointment')).toMatchObject([{ s: 'second' }]);
  });

  it('that is refused again leaves a resend that came while it ran', async () => {
    let atLookUp: (() => Promise<void>) | undefined;
    const { receiver, store } = fixture({
      mappings: async () => {
        await atLookUp?.();
        return none;
      },
    });
    expect(
      (await post(receiver, event({}, { his_status: 'first' }), {}, 'token-1002')).status,
    ).toBe(422);
    atLookUp = async () => {
      atLookUp = undefined;
      const second = event({}, { his_status: 'second' });
      expect((await post(receiver, second, {}, 'token-1002')).status).toBe(422);
    };
    await receiver.replay();
    const [kept] = await entries(store);
    expect(Buffer.from(kept!.body!).toString()).toContain('second');
  });

  it('reports what could not be applied again by force', async () => {
    let mappings = mapped;
    const { receiver, store } = fixture({ mappings: () => mappings });
    await post(receiver, SAMPLE_REQUEST, {}, 'token-1002');
    mappings = none;
    expect(await receiver.replay({ force: true })).toMatchObject({ refused: 1, duplicate: 0 });
    expect(await entries(store)).toMatchObject([{ state: 'applied' }]);
  });

  it('takes an event out of the future once its time has come', async () => {
    let now = NOW;
    const { receiver } = fixture({ now: () => now });
    const ahead = event({ timestamp: '2025-06-01T01:00:00Z' });
    expect((await post(receiver, ahead)).status).toBe(422);
    now = Date.parse('2025-06-01T00:45:00Z');
    expect(await receiver.replay()).toMatchObject({ applied: 1 });
  });

  it('replays the flat form with the time of its receipt', async () => {
    let mappings = none;
    let now = NOW;
    const { receiver, store } = fixture({ mappings: () => mappings, now: () => now });
    const flat = { event_type: 'appointment.updated', his_appointment_id: 'A1' };
    expect((await post(receiver, flat, {}, 'sandbox')).status).toBe(422);
    now += 3_600_000;
    mappings = compileMappings({
      clients: {
        '1001': { mappings: { 'appointment.*': { fields: { his_appointment_id: 'id' } } } },
      },
    });
    expect(await receiver.replay()).toMatchObject({ applied: 1 });
    expect(await entries(store)).toMatchObject([
      { form: 'shorthand', state: 'applied', occurredAt: '2025-06-01T00:00:00.000000000Z' },
    ]);
  });

  it('answers 503 when the quarantine is full, so that the sender keeps the event', async () => {
    const { receiver } = fixture({ store: memoryStore({ quarantineQuota: 1 }) });
    expect((await post(receiver, 'x')).status).toBe(400);
    const second = await post(receiver, 'y');
    expect(second).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    expect(second.headers['retry-after']).toMatch(/^\d+$/);
    expect((await post(receiver, 'x')).status).toBe(400);
  });

  it('lets no more refused events wait for the store than its queue holds', async () => {
    let finish: (() => void) | undefined;
    const opened = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const inner = memoryStore();
    const store: EventStore = {
      ...inner,
      quarantine: async (event) => {
        await opened;
        return inner.quarantine(event);
      },
    };
    const { receiver } = fixture({ store, limits: { queueSize: 2 } });
    const kept = [post(receiver, 'a'), post(receiver, 'b')];
    const third = await post(receiver, 'c');
    expect(third).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    finish?.();
    expect((await Promise.all(kept)).map(({ status }) => status)).toEqual([400, 400]);
    expect((await post(receiver, 'c')).status).toBe(400);
  });

  it('keeps no bodies but those in quarantine with bodyRetention 0', async () => {
    const { receiver, store } = fixture({ bodyRetention: 0 });
    await post(receiver, SAMPLE_REQUEST);
    await post(receiver, 'x');
    expect((await entries(store)).map(({ state, body }) => [state, body === null])).toEqual([
      ['quarantined', false],
      ['applied', true],
    ]);
  });

  it('erases when it starts what came of age while nothing ran', async () => {
    const store = memoryStore();
    await post(fixture({ store, bodyRetention: 1000 }).receiver, SAMPLE_REQUEST);
    expect((await entries(store))[0]!.body).not.toBeNull();
    const later = fixture({ store, bodyRetention: 1000, now: () => NOW + 1001 });
    await later.receiver.ready();
    await vi.waitUntil(async () => (await entries(store))[0]!.body === null);
  });

  it('erases bodies past their retention by itself', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    try {
      let now = NOW;
      const { receiver, store } = fixture({ bodyRetention: 1000, now: () => now });
      await post(receiver, SAMPLE_REQUEST);
      now += 1001;
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect((await entries(store))[0]!.body).toBeNull();
      await receiver.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a store that fails', () => {
  const failing = (overrides: Partial<EventStore>): EventStore =>
    Object.assign(memoryStore(), overrides);
  const broken = () => Promise.reject(new Error('connection lost: SECRET'));

  it.each<[string, Partial<EventStore>]>([
    ['prepare', { prepare: broken }],
    ['commit', { commit: broken }],
    [
      'commit, at once',
      {
        commit: () => {
          throw new Error('SECRET');
        },
      },
    ],
  ])('answers 500 with Retry-After when %s fails, and says nothing of it', async (_, overrides) => {
    const { receiver, results } = fixture({ store: failing(overrides) });
    const answer = await post(receiver, SAMPLE_REQUEST);
    expect(answer).toMatchObject({ status: 500, body: { code: 'storage_unavailable' } });
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    expect(JSON.stringify(answer)).not.toContain('SECRET');
    expect(results).toMatchObject([
      { status: 500, clientId: '1001', error: expect.any(Error) as Error },
    ]);
  });

  it.each([[['failed']], [[undefined]], [[null]], [[{}]], [[]]])(
    'answers 500, never 200, to verdicts such as %j',
    async (verdicts) => {
      const commit = () => Promise.resolve(verdicts as unknown as Verdict[]);
      const { receiver, results } = fixture({ store: failing({ commit }) });
      expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(500);
      expect(results[0]!.error).toBeInstanceOf(Error);
    },
  );

  it('says so where a store gives a verdict that nobody knows', async () => {
    const commit = () => Promise.resolve(['failed'] as unknown as Verdict[]);
    const { receiver, results } = fixture({ store: failing({ commit }) });
    await post(receiver, SAMPLE_REQUEST);
    expect(results[0]!.error).toEqual(new StorageError('The store gave a verdict nobody knows.'));
  });

  it('answers 422 where a declined event is refused', async () => {
    const declined = compileMappings({
      clients: { '1001': { mappings: { 'appointment.*': null } } },
    });
    const commit = () => Promise.resolve([{ rejected: 'no', column: 'x' }]);
    const { receiver } = fixture({ store: failing({ commit }), mappings: declined });
    expect(await post(receiver, SAMPLE_REQUEST)).toMatchObject({
      status: 422,
      body: { code: 'constraint_failed', message: 'Column x refuses the row: no' },
    });
  });

  it('answers 500 when quarantine fails', async () => {
    const { receiver } = fixture({ store: failing({ quarantine: broken }) });
    expect(await post(receiver, 'x')).toMatchObject({ status: 500 });
  });

  it('answers 500 when the store does not answer in time, and tells it so', async () => {
    let signal: AbortSignal | undefined;
    const store = failing({
      commit: (_, options) => {
        signal = options?.signal;
        return new Promise<readonly Verdict[]>(() => undefined);
      },
    });
    const { receiver, results } = fixture({ store, limits: { storeTimeout: 20 } });
    expect(await post(receiver, SAMPLE_REQUEST)).toMatchObject({ status: 500 });
    expect(signal?.aborted).toBe(true);
    expect(results[0]!.error).toBeInstanceOf(StorageError);
  });

  it('is asked again: prepare that failed once is tried with the next event', async () => {
    let attempts = 0;
    const store = memoryStore();
    const prepare = store.prepare.bind(store);
    store.prepare = (tables) => (++attempts === 1 ? broken() : prepare(tables));
    const { receiver } = fixture({ store });
    await expect(receiver.ready()).rejects.toThrow('connection lost');
    await expect(receiver.ready()).resolves.toBeUndefined();
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(200);
    expect(attempts).toBe(2);

    attempts = 0;
    const mappings = compileMappings({ clients: {} });
    const other = fixture({ store, mappings: () => mappings });
    await expect(other.receiver.ready()).rejects.toThrow('connection lost');
    await expect(other.receiver.ready()).resolves.toBeUndefined();
  });

  it.each<[Verdict, string]>([
    [{ rejected: 'no', column: 'buktor_status' }, 'Column buktor_status refuses the row: no'],
    [{ rejected: 'no', column: 'client_id' }, 'Column client_id refuses the row: no'],
    [{ rejected: 'no' }, 'The table refuses the row: no'],
  ])('answers 422 when the table refuses the row: %j', async (verdict, message) => {
    const { receiver, store } = fixture({
      store: failing({ commit: () => Promise.resolve([verdict]) }),
    });
    const answer = await post(receiver, SAMPLE_REQUEST);
    expect(answer).toMatchObject({ status: 422, body: { code: 'constraint_failed', message } });
    expect(answer.body.errors).toEqual(
      message.includes('buktor_status')
        ? [{ path: '/data/his_status', message: 'is refused by column buktor_status' }]
        : undefined,
    );
    expect(store.rows('appointment')).toEqual([]);
  });
});

describe('concurrent events', () => {
  const many = Array.from({ length: 40 }, (_, i) =>
    event({ event_id: `e${String(i)}` }, { his_appointment_id: `A${String(i)}` }),
  );

  it('are committed together, each with its own answer', async () => {
    const store = memoryStore();
    const commit = vi.spyOn(store, 'commit');
    const { receiver } = fixture({ store, limits: { batchSize: 16 } });
    await receiver.ready();
    const bodies = [...many, many[0]!, event({ event_id: 'e1' }, { his_status: 'other' })];
    const answers = await Promise.all(bodies.map((body) => post(receiver, body)));
    expect(answers.map(({ status }) => status)).toEqual([...many.map(() => 200), 200, 409]);
    expect(answers[40]!.headers['idempotent-replayed']).toBe('true');
    expect(commit.mock.calls.map(([batch]) => batch.length)).toEqual([16, 16, 10]);
    expect(store.rows('appointment')).toHaveLength(40);
  });

  it('beyond the queue are answered 503, and lose nothing', async () => {
    const { receiver, store } = fixture({ limits: { queueSize: 10 } });
    await receiver.ready();
    const answers = await Promise.all(many.map((body) => post(receiver, body)));
    const stored = answers.filter(({ status }) => status === 200).length;
    expect(answers.filter(({ status }) => status === 503).length).toBe(40 - stored);
    expect(answers.find(({ status }) => status === 503)).toMatchObject({
      body: { code: 'overloaded' },
      headers: { 'retry-after': '5' },
    });
    expect(store.rows('appointment')).toHaveLength(stored);
    for (const body of many) expect((await post(receiver, body)).status).toBe(200);
    expect(store.rows('appointment')).toHaveLength(40);
  });
});

describe('look-ups', () => {
  const client: Client = { id: '1001', secrets: SECRET };

  it('may be asynchronous, and are bounded', async () => {
    const limits = { lookupTimeout: 20 };
    const never = () => new Promise<never>(() => undefined);
    const slow = fixture({ clients: never, limits });
    expect((await post(slow.receiver, SAMPLE_REQUEST)).status).toBe(500);
    const slowMappings = fixture({ mappings: never, limits });
    expect((await post(slowMappings.receiver, SAMPLE_REQUEST)).status).toBe(500);
    expect(slowMappings.results[0]!.error).toMatchObject({
      message: expect.stringContaining('The mapping look-up') as string,
    });
    const good = fixture({
      clients: (token) => Promise.resolve(token === 'token-1001' ? client : undefined),
    });
    expect((await post(good.receiver, SAMPLE_REQUEST)).status).toBe(200);
    expect((await post(good.receiver, SAMPLE_REQUEST, {}, 'token-1002')).status).toBe(401);
  });

  it('may find null, as databases do', async () => {
    const reads = vi.fn();
    const { receiver } = fixture({ clients: () => Promise.resolve(null) });
    const body = { [Symbol.asyncIterator]: () => ({ next: reads }) };
    const headers = signedHeaders(SAMPLE_REQUEST);
    expect((await receiver.receive({ method: 'POST', headers, body })).status).toBe(401);
    expect(reads).not.toHaveBeenCalled();
    const unmapped = fixture({ mappings: () => null });
    expect((await post(unmapped.receiver, SAMPLE_REQUEST)).status).toBe(422);
  });

  it('may put another secret into the same client', async () => {
    const changing = { id: '1001', secrets: SECRET };
    const { receiver } = fixture({ clients: () => changing });
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(200);
    changing.secrets = 'another secret';
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(401);
  });

  it('that fail, or find a client that could never work, are 500', async () => {
    for (const clients of [
      () => Promise.reject(new Error('away')),
      () => ({ id: '1001', secrets: '' }),
      () => ({ id: '', secrets: SECRET }),
      () => ({ ...client, signature: 'never' }) as unknown as Client,
    ]) {
      const { receiver } = fixture({ clients });
      expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(500);
    }
    const { receiver } = fixture({ mappings: () => undefined });
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(422);
  });
});

describe('registered types', () => {
  it('are received like the 14', async () => {
    const types = ['bed.moved'];
    const document: MappingDocument = {
      clients: { '1001': { mappings: { 'bed.moved': { fields: { his_bed_id: 'id' } } } } },
    };
    const { receiver, store } = fixture({ mappings: compileMappings(document, { types }) });
    const moved = { ...sample, type: 'bed.moved', operation: 'moved', data: { his_bed_id: 'B1' } };
    expect((await post(receiver, moved)).status).toBe(200);
    expect(store.rows('bed')).toMatchObject([{ id: 'B1' }]);
    expect((await post(receiver, { ...moved, type: 'bed.made' })).status).toBe(400);
  });
});

describe('closing', () => {
  it('finishes what is in work, then answers 503', async () => {
    let release: (() => void) | undefined;
    const closed = vi.fn(() => Promise.resolve());
    const store = Object.assign(memoryStore(), { close: closed });
    const commit = store.commit.bind(store);
    store.commit = async (batch, options) => {
      await new Promise<void>((resolve) => (release = resolve));
      return commit(batch, options);
    };
    const { receiver } = fixture({ store });
    const working = post(receiver, SAMPLE_REQUEST);
    await vi.waitUntil(() => release !== undefined);
    // Whoever closes it again, as a second signal does, waits for the same end.
    const closing = [receiver.close(), receiver.close()];
    const late = await post(receiver, SAMPLE_REQUEST);
    expect(late).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    expect(closed).not.toHaveBeenCalled();
    release?.();
    expect((await working).status).toBe(200);
    await Promise.all(closing);
    await receiver.close();
    expect(closed).toHaveBeenCalledOnce();
  });
});

describe('onResult', () => {
  it('may fail, at once or later, and what was stored is answered 200', async () => {
    const thrown = fixture({
      onResult: () => {
        throw new Error('the host is at fault');
      },
    });
    expect((await post(thrown.receiver, SAMPLE_REQUEST)).status).toBe(200);
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const rejected = fixture({ onResult: () => Promise.reject(new Error('the host is at fault')) });
    expect((await post(rejected.receiver, SAMPLE_REQUEST)).status).toBe(200);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('hears of every answer, and of nothing out of the data', async () => {
    const { receiver, results } = fixture();
    await post(receiver, SAMPLE_REQUEST);
    await post(receiver, SAMPLE_REQUEST);
    await post(receiver, 'x');
    await post(receiver, 'x', { authorization: undefined });
    await post(receiver, event({ event_id: 'e0', timestamp: '2025-01-01T00:00:00Z' }));
    await post(receiver, event({ event_id: 'e9' }, { his_appointment_id: null }));
    const none = {
      clientId: null,
      eventId: null,
      type: null,
      signedWith: null,
      replayed: false,
      stale: false,
      warnings: [],
    };
    const signedWith = { index: 0, notAfter: null, isExpired: false };
    const base = {
      ...none,
      signedWith,
      clientId: '1001',
      type: 'appointment.created',
      code: null,
      reason: null,
    };
    expect(results).toEqual([
      { ...base, status: 200, eventId: 'evt_123456' },
      { ...base, status: 200, eventId: 'evt_123456', replayed: true },
      {
        ...none,
        clientId: '1001',
        signedWith,
        status: 400,
        code: 'invalid_json',
        reason: 'The body is not valid JSON.',
      },
      {
        ...none,
        status: 401,
        code: 'unauthorized',
        reason: 'The bearer token or the signature is missing or wrong.',
      },
      { ...base, status: 200, eventId: 'e0', stale: true },
      {
        ...base,
        status: 422,
        eventId: 'e9',
        code: 'transform_failed',
        reason: 'The event has fields that cannot be stored.\n/data/his_appointment_id is required',
      },
    ]);
  });

  it('hears which secret a body was signed with, so that the end of a rotation can be seen', async () => {
    const notAfter = '2025-07-01T00:00:00.000Z';
    let now = Date.parse(notAfter) - 1;
    const secrets = [SECRET, { secret: 'the old secret', notAfter }];
    const { receiver, results } = fixture({
      clients: bearerTokens({
        'token-1001': { id: '1001', secrets },
        sandbox: { id: '1001', secrets, signature: 'optional' },
      }),
      now: () => now,
    });
    const old = { 'buktor-signature': generateSignature(SAMPLE_REQUEST, 'the old secret') };
    const answers = [
      await post(receiver, SAMPLE_REQUEST),
      await post(receiver, SAMPLE_REQUEST, old),
      await post(receiver, SAMPLE_REQUEST, { ...old, 'client-id': '1002' }),
      await post(receiver, SAMPLE_REQUEST, { 'buktor-signature': undefined }, 'sandbox'),
    ];
    now++;
    const expired = await post(receiver, SAMPLE_REQUEST, old);
    const wrong = await post(receiver, SAMPLE_REQUEST, { 'buktor-signature': '0'.repeat(64) });
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 403, 200]);
    expect(expired).toEqual(wrong);
    expect(expired.status).toBe(401);
    expect(results.map(({ signedWith }) => signedWith)).toEqual([
      { index: 0, notAfter: null, isExpired: false },
      { index: 1, notAfter, isExpired: false },
      { index: 1, notAfter, isExpired: false },
      null,
      { index: 1, notAfter, isExpired: true },
      null,
    ]);
    expect(JSON.stringify(results)).not.toContain('the old secret');
  });

  it.each<[string, () => unknown]>([
    [
      'throw',
      () => {
        throw new Error('listener');
      },
    ],
    ['reject', () => Promise.reject(new Error('listener'))],
  ])('may %s without harm', async (_, onResult) => {
    const { receiver } = fixture({ onResult });
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(200);
  });
});

describe('configuration', () => {
  const good = {
    clients: CLIENTS,
    mappings: compileMappings({ clients: {} }),
    store: memoryStore(),
  };

  it.each<[string, object]>([
    ['clients that are no function', { clients: {} }],
    ['mappings that were not compiled', { mappings: { clients: {} } }],
    ['no mappings', { mappings: undefined }],
    ['no store', { store: undefined }],
    ['a store that is none', { store: {} }],
    ['a retention beyond the calendar', { bodyRetention: Number.MAX_SAFE_INTEGER }],
    ['a clock that is no function', { now: 5 }],
    ['a listener that is no function', { onResult: 'log' }],
    ['a listener that is null', { onResult: null }],
    ['an option nobody knows', { onresult: () => undefined }],
    ['a limit nobody knows', { limits: { bodybytes: 1 } }],
    ['limits that are no object', { limits: null }],
    ['a type without an operation', { types: ['bed'] }],
    ['a type with a capital', { types: ['Bed.moved'] }],
  ])('throws at once for %s', (_, wrong) => {
    expect(() => createReceiver({ ...good, ...wrong })).toThrow(ConfigurationError);
  });

  const timeouts = ['bodyTimeout', 'lookupTimeout', 'storeTimeout'];
  const limits = [...timeouts, 'bodyBytes', 'batchSize', 'queueSize'];
  const never = [
    NaN,
    -1,
    0.5,
    Infinity,
    -Infinity,
    2 ** 53,
    '1000',
    '1mb',
    null,
    true,
    {},
    [5],
    1n,
  ];
  it.each([
    ...limits.flatMap((name) => [...never, 0].map((value) => [name, value] as const)),
    ...timeouts.map((name) => [name, 2 ** 31] as const),
  ])('throws at once for limits.%s of %s', (name, value) => {
    const make = () => createReceiver({ ...good, limits: { [name]: value } });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(`limits.${name} must be a whole number from 1 to`);
  });

  it.each(
    ['maxClockSkew', 'bodyRetention'].flatMap((name) =>
      never.map((value) => [name, value] as const),
    ),
  )('throws at once for a %s of %s', (name, value) => {
    const make = () => createReceiver({ ...good, [name]: value });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(`${name} must be a whole number from 0 to`);
  });

  it('takes the least and the most of every limit, and what is undefined for its default', async () => {
    for (const name of limits) {
      const most = timeouts.includes(name) ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
      for (const value of [1, most, undefined]) {
        await createReceiver({ ...good, limits: { [name]: value } }).close();
      }
    }
    await createReceiver({ ...good, maxClockSkew: 0, bodyRetention: 0 }).close();
  });

  it.each<[string, Record<string, Client>]>([
    ['an unset token', { [String(undefined)]: { id: '1', secrets: 's' } }],
    ['an empty token', { '': { id: '1', secrets: 's' } }],
    ['a token no header can carry', { 'a b': { id: '1', secrets: 's' } }],
    ['a digest that is none', { 'sha256:abc': { id: '1', secrets: 's' } }],
    [
      'a token twice',
      { t: { id: '1', secrets: 's' }, [`sha256:${sha256('t')}`]: { id: '2', secrets: 's' } },
    ],
    ['an empty secret', { t: { id: '1', secrets: ' ' } }],
    ['no secrets', { t: { id: '1', secrets: [] } }],
    ['a client id with a space', { t: { id: 'a b', secrets: 's' } }],
    ['a client id that is a number', { t: { id: 7 as unknown as string, secrets: 's' } }],
  ])('bearerTokens throws at once for %s', (_, tokens) => {
    expect(() => bearerTokens(tokens)).toThrow(ConfigurationError);
  });

  it('refuses to be made of nothing', () => {
    expect(() => bearerTokens({})).toThrow(ConfigurationError);
    expect(() => createReceiver(undefined as never)).toThrow(ConfigurationError);
  });

  it('replays nothing for a filter nobody knows', async () => {
    const { receiver } = fixture();
    const misspelt = { clientID: '1001', force: true };
    await expect(receiver.replay(misspelt)).rejects.toThrow('replay has no option clientID');
  });

  it('finds headers in whatever case they are given', async () => {
    const { receiver } = fixture();
    const { method, headers } = signRequest({
      event: SAMPLE_REQUEST,
      token: 'token-1001',
      secret: SECRET,
    });
    const body = Buffer.from(SAMPLE_REQUEST);
    expect((await receiver.receive({ method, headers, body })).status).toBe(200);
    const disagreeing = { ...headers, 'Client-ID': '1002' };
    expect((await receiver.receive({ method, headers: disagreeing, body })).status).toBe(403);
  });

  it('takes a token by its digest', async () => {
    const clients = bearerTokens({
      [`sha256:${sha256('token-1001').toUpperCase()}`]: { id: '1001', secrets: SECRET },
    });
    const { receiver } = fixture({ clients });
    expect((await post(receiver, SAMPLE_REQUEST)).status).toBe(200);
  });
});
