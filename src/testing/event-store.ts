import assert from 'node:assert/strict';
import { type ConformanceCase, type StoredRow } from './suite.ts';
import { SchemaError } from '../errors.ts';
import { atVersion, mergeChanges, type VersionedValues } from '../merge.ts';
import type { JsonValue } from '../events.ts';
import type {
  Change,
  EventFilter,
  EventStore,
  StoredEvent,
  StoreOptions,
} from '../stores/types.ts';
import { APPOINTMENT, changeOf, type ChangeSpec, permutations, refusalOf } from './changes.ts';

/** A fresh store, and a look into its tables that does not go through it. */
export interface EventStoreHarness {
  readonly store: EventStore;
  /**
   * The rows of a table, every column of it, by name: `his_versions` parsed, `his_deleted_at` in UTC
   * with nine digits, columns that are not set `null`.
   */
  readonly rows: (table: string) => Promise<readonly StoredRow[]>;
  /**
   * What the store's columns make of a value. By default they keep it as it is; columns of type text
   * would say `(value) => (typeof value === 'number' ? String(value) : value)`.
   */
  readonly stored?: (value: JsonValue) => unknown;
}

/**
 * Makes harnesses; each has an empty database of its own, and a store that is free to create the
 * tables that `prepare` names.
 */
export type OpenEventStore = (options?: StoreOptions) => Promise<EventStoreHarness>;

async function opened(open: OpenEventStore, quota?: number): Promise<EventStoreHarness> {
  const harness = await open(quota === undefined ? {} : { quarantineQuota: quota });
  await harness.store.prepare([APPOINTMENT]);
  return harness;
}

async function commit(store: EventStore, ...specs: ChangeSpec[]) {
  return store.commit(specs.map(changeOf), {});
}

async function found(store: EventStore, filter: EventFilter = {}): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = [];
  for await (const entry of store.find(filter)) entries.push(entry);
  return entries;
}

async function only(store: EventStore, eventId: string): Promise<StoredEvent> {
  const entries = await found(store, { eventId });
  assert.equal(entries.length, 1, `one entry for ${eventId}`);
  return entries[0]!;
}

/** What the model says the row of these changes is. */
function model(changes: readonly Change[]): VersionedValues {
  return changes.reduce<VersionedValues>(
    (row, { row: change }) => mergeChanges(row, atVersion(change!.values, change!.version)),
    { values: {}, versions: {} },
  );
}

function assertRow(row: StoredRow | undefined, expected: VersionedValues): void {
  assert.ok(row !== undefined, 'the row is there');
  assert.deepEqual(row['his_versions'], expected.versions);
  for (const column of ['status', 'room', 'note', 'his_deleted_at']) {
    assert.deepEqual(row[column] ?? null, expected.values[column] ?? null, column);
  }
}

const T = (second: number) => `2025-01-08T12:00:0${String(second)}Z`;

/** Histories of one row, five events each, with ties in time. */
const HISTORIES: readonly (readonly ChangeSpec[])[] = [
  [
    { id: 'e1', operation: 'created', at: T(0), values: { status: 'open', room: '1' } },
    { id: 'e2', operation: 'updated', at: T(0), values: { status: 'seen' } },
    { id: 'e3', operation: 'deleted', at: T(0), values: { note: 'gone' } },
    { id: 'e4', operation: 'updated', at: T(0), values: { status: 'late', note: null } },
    { id: 'e5', operation: 'created', at: T(0), values: { room: '2' } },
  ],
  [
    { id: 'e1', operation: 'created', at: T(1), values: { status: 'open', room: '1' } },
    { id: 'e2', operation: 'deleted', at: T(2), values: {} },
    { id: 'e3', operation: 'created', at: T(3), values: { status: 'again' } },
    { id: 'e4', operation: 'updated', at: T(3), values: { room: '3' } },
    { id: 'e5', operation: 'updated', at: T(0), values: { note: 'early', room: '0' } },
  ],
  [
    { id: 'e1', operation: 'updated', at: T(5), values: { status: 'z' } },
    { id: 'e2', operation: 'updated', at: T(5), values: { status: 'a', room: null } },
    { id: 'E3', operation: 'updated', at: T(5), values: { status: 'm', note: '' } },
    { id: 'e4', operation: 'deleted', at: T(4), values: { status: 'old' } },
    { id: 'e5', operation: 'created', at: T(4), values: { note: 'first' } },
  ],
];

interface Rule {
  readonly name: string;
  readonly run: (open: OpenEventStore) => Promise<void>;
}

/**
 * What every {@link EventStore} must do, one case a rule; each throws where the store is wrong.
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { memoryStore } from '@buktor/his-webhook/stores/memory';
 * import { eventStoreSuite } from '@buktor/his-webhook/testing';
 *
 * const suite = eventStoreSuite((options) => {
 *   const store = memoryStore(options);
 *   return Promise.resolve({ store, rows: (table) => Promise.resolve(store.rows(table)) });
 * });
 * for (const { name, run } of suite) test(name, run);
 * ```
 */
export function eventStoreSuite(open: OpenEventStore): readonly ConformanceCase[] {
  return RULES.map(({ name, run }) => ({ name, run: () => run(open) }));
}

const RULES: readonly Rule[] = [
  {
    name: 'claims an event and writes its row, with its bookkeeping',
    async run(open) {
      const { store, rows } = await opened(open);
      const spec = { id: 'e1', operation: 'created', values: { status: 'open' } };
      assert.deepEqual(await commit(store, spec), ['applied']);
      const change = changeOf(spec);
      assert.deepEqual(await rows('appointment'), [
        {
          client_id: '1001',
          id: 'A1',
          status: 'open',
          room: null,
          note: null,
          his_versions: { status: change.row!.version, his_deleted_at: change.row!.version },
          his_deleted_at: null,
        },
      ]);
      const { row: _, body, ...event } = change;
      const { body: storedBody, ...entry } = await only(store, 'e1');
      assert.deepEqual(entry, {
        ...event,
        state: 'applied',
        code: null,
        reason: null,
        attempts: 1,
      });
      assert.deepEqual(Buffer.from(storedBody!), body);
    },
  },
  {
    name: 'answers the same event again with duplicate, and other content with conflict',
    async run(open) {
      const { store, rows } = await opened(open);
      await commit(store, { id: 'e1', values: { status: 'a' } });
      const before = await rows('appointment');
      const content = { key: 'A1', status: 'a' };
      assert.deepEqual(await commit(store, { id: 'e1', values: { status: 'b' }, content }), [
        'duplicate',
      ]);
      assert.deepEqual(await commit(store, { id: 'e1', values: { status: 'b' } }), ['conflict']);
      assert.deepEqual(await rows('appointment'), before);
      assert.equal((await only(store, 'e1')).attempts, 1);
    },
  },
  {
    name: 'judges a batch in its order, the same event twice in it included',
    async run(open) {
      const { store } = await opened(open);
      const e1 = { id: 'e1', at: T(1), values: { status: 'a' } };
      assert.deepEqual(
        await commit(
          store,
          e1,
          e1,
          { ...e1, values: { status: 'b' } },
          { ...e1, id: 'e0', at: T(0) },
        ),
        ['applied', 'duplicate', 'conflict', 'stale'],
      );
      assert.deepEqual(await commit(store), []);
    },
  },
  {
    name: 'keeps clients apart that use the same ids, and tells apart ids by every byte',
    async run(open) {
      const { store, rows } = await opened(open);
      const verdicts = await commit(
        store,
        { id: 'e1', values: { status: 'x' } },
        { id: 'e1', client: '1002', values: { status: 'y' } },
        { id: 'E1', key: 'a1', values: { status: 'z' } },
        { id: 'e1 ', key: 'A1 ', values: { status: 'w' } },
      );
      assert.deepEqual(verdicts, ['applied', 'applied', 'applied', 'applied']);
      assert.equal((await rows('appointment')).length, 4);
    },
  },
  {
    name: 'leaves one row for every order of up to five events, with repeats',
    async run(open) {
      const { store, rows } = await opened(open);
      let client = 0;
      const expected = new Map<string, VersionedValues>();
      for (const history of HISTORIES) {
        for (let size = 1; size <= history.length; size++) {
          const events = history.slice(0, size);
          for (const order of permutations(events)) {
            const id = `order-${String(++client)}`;
            const specs = order.map((spec) => ({ ...spec, client: id }));
            expected.set(id, model(events.map(changeOf)));
            if (client % 2 === 0) await commit(store, ...specs, ...specs);
            else {
              for (const spec of specs) await commit(store, spec, specs[0]!);
            }
          }
        }
      }
      const all = await rows('appointment');
      assert.equal(all.length, expected.size);
      for (const row of all) assertRow(row, expected.get(row['client_id'] as string)!);
    },
  },
  {
    name: 'sets the tombstone with deleted, and lifts it only with a newer created',
    async run(open) {
      const { store, rows } = await opened(open);
      const tombstone = async () => (await rows('appointment'))[0]!['his_deleted_at'];
      await commit(store, { id: 'e1', operation: 'deleted', at: T(2), values: { status: 'x' } });
      assert.equal(await tombstone(), '2025-01-08T12:00:02.000000000Z');
      await commit(store, { id: 'e2', operation: 'updated', at: T(5), values: { status: 'y' } });
      await commit(store, { id: 'e3', operation: 'created', at: T(2), values: {} });
      assert.equal(await tombstone(), '2025-01-08T12:00:02.000000000Z');
      assert.equal((await rows('appointment'))[0]!['status'], 'y');
      await commit(store, { id: 'e4', operation: 'created', at: T(3), values: {} });
      assert.equal(await tombstone(), null);
    },
  },
  {
    name: 'stores each kind of value as it was sent',
    async run(open) {
      const { store, rows, stored = (value: JsonValue): unknown => value } = await opened(open);
      const values = [
        '007',
        '',
        'ünï ✓ 😀',
        "'; DROP TABLE x --",
        0,
        -5,
        1.25,
        1e300,
        2 ** 53 - 1,
        null,
      ];
      await commit(
        store,
        ...values.map((status, i) => ({ id: `e${String(i)}`, key: String(i), values: { status } })),
      );
      const byKey = new Map((await rows('appointment')).map((row) => [row['id'], row['status']]));
      values.forEach((value, i) => {
        assert.strictEqual(byKey.get(String(i)), stored(value));
      });
    },
  },
  {
    name: 'takes tables and columns with names that mean something elsewhere',
    async run(open) {
      const { store, rows } = await opened(open);
      const columns = ['constructor', 'toString', 'select', 'order'];
      await store.prepare([{ table: 'group', key: ['where', 'hasOwnProperty'], columns }]);
      const change = changeOf({ id: 'e1' });
      const values = Object.fromEntries(columns.map((column) => [column, column]));
      const key = { where: 'w', hasOwnProperty: 'h' };
      const row = { ...change.row!, table: 'group', key, values };
      assert.deepEqual(await store.commit([{ ...change, row }], {}), ['applied']);
      const [stored] = await rows('group');
      assert.deepEqual({ ...stored, ...values, ...key }, stored);
    },
  },
  {
    name: 'claims a declined event without a row',
    async run(open) {
      const { store, rows } = await opened(open);
      const declined = { ...changeOf({ id: 'e1', values: { status: 'x' } }), row: null };
      assert.deepEqual(await store.commit([declined], {}), ['applied']);
      assert.deepEqual(await store.commit([declined], {}), ['duplicate']);
      assert.deepEqual(await commit(store, { id: 'e1', values: { status: 'y' } }), ['conflict']);
      assert.deepEqual(await rows('appointment'), []);
      assert.equal((await only(store, 'e1')).state, 'declined');
      assert.deepEqual(await commit(store, { id: 'e1', values: { status: 'x' }, force: true }), [
        'applied',
      ]);
      assert.equal((await only(store, 'e1')).state, 'applied');
      assert.equal((await rows('appointment')).length, 1);
    },
  },
  {
    name: 'applies an event again by force, over its own values only',
    async run(open) {
      const { store, rows } = await opened(open);
      const content = { any: 1 };
      await commit(store, { id: 'e1', at: T(1), values: { status: 'wrong', room: '1' }, content });
      await commit(store, { id: 'e2', at: T(2), values: { room: '2' } });
      const again = { id: 'e1', at: T(1), values: { status: 'right', room: '9' }, content };
      assert.deepEqual(await commit(store, { ...again, force: true }), ['applied']);
      const [row] = await rows('appointment');
      assert.deepEqual([row!['status'], row!['room']], ['right', '2']);
      assert.equal((await only(store, 'e1')).attempts, 2);
      const other = { ...again, content: { any: 2 }, force: true };
      assert.deepEqual(await commit(store, other), ['conflict']);
    },
  },
  {
    name: 'keeps a refused event without a claim: a resend replaces it, a commit settles it',
    async run(open) {
      const { store } = await opened(open);
      const change = changeOf({ id: 'e1', values: { status: 'x' } });
      assert.equal(await store.quarantine(refusalOf(change)), 'quarantined');
      const { body, ...entry } = await only(store, 'e1');
      assert.equal(Buffer.from(body!).toString(), 'body of e1');
      assert.deepEqual(entry, {
        clientId: '1001',
        eventId: 'e1',
        type: 'appointment.updated',
        occurredAt: '2025-01-08T12:00:00.000000000Z',
        receivedAt: '2026-01-01T00:00:00.000Z',
        state: 'quarantined',
        code: 'mapping_not_found',
        reason: 'No mapping found.',
        digest: change.digest,
        form: 'envelope',
        mappingVersion: null,
        attempts: 1,
      });
      const next = { code: 'transform_failed', reason: 'again', digest: 'other' };
      assert.equal(await store.quarantine(refusalOf(change, next)), 'quarantined');
      const second = await only(store, 'e1');
      assert.deepEqual([second.code, second.attempts], ['transform_failed', 2]);

      assert.deepEqual(await store.commit([change], {}), ['applied']);
      const settled = await only(store, 'e1');
      assert.deepEqual([settled.state, settled.code, settled.attempts], ['applied', null, 3]);
    },
  },
  {
    name: 'never downgrades an applied event: the same content is a duplicate, other content kept beside it',
    async run(open) {
      const { store } = await opened(open);
      const change = changeOf({ id: 'e1', values: { status: 'x' } });
      await store.commit([change], {});
      assert.equal(await store.quarantine(refusalOf(change)), 'duplicate');
      const other = refusalOf(change, { digest: 'other', body: Buffer.from('other') });
      assert.equal(await store.quarantine(other), 'quarantined');
      assert.equal(await store.quarantine(other), 'quarantined');
      const unread = refusalOf(change, { digest: null, body: Buffer.from('unread') });
      assert.equal(await store.quarantine(unread), 'quarantined');

      assert.equal((await only(store, 'e1')).state, 'applied');
      const kept = await found(store, { state: 'quarantined' });
      assert.deepEqual(kept.map(({ attempts }) => attempts).sort(), [1, 2]);
      for (const { eventId } of kept) assert.match(eventId, /^body [0-9a-f]{64}$/);
    },
  },
  {
    name: 'keys a refused body without an id by its digest, and drops it when its replay is committed',
    async run(open) {
      const { store } = await opened(open);
      const change = changeOf({ id: 'e1', values: { status: 'x' } });
      const nameless = refusalOf(change, { eventId: null, digest: null });
      await store.quarantine(nameless);
      await store.quarantine(nameless);
      await store.quarantine({ ...nameless, clientId: '1002' });
      const [entry, ...others] = await found(store, { clientId: '1001' });
      assert.deepEqual([entry!.attempts, others.length], [2, 0]);

      const settling = (attempts: number) => ({
        id: 'e1',
        values: { status: 'x' },
        replayOf: { key: entry!.eventId, attempts },
      });
      assert.deepEqual(await commit(store, settling(1)), ['duplicate']);
      assert.equal((await found(store, { clientId: '1001' })).length, 1);
      assert.deepEqual(await commit(store, settling(2)), ['applied']);
      assert.deepEqual(
        (await found(store)).map(({ clientId, eventId }) => [clientId, eventId]),
        [
          ['1001', 'e1'],
          ['1002', entry!.eventId],
        ],
      );
      await store.quarantine(nameless);
      assert.deepEqual(await commit(store, settling(1)), ['duplicate']);
      assert.equal((await found(store, { clientId: '1001' })).length, 1);
    },
  },
  {
    name: 'lets a replay yield to what was delivered since it began',
    async run(open) {
      const { store, rows } = await opened(open);
      const first = changeOf({ id: 'e1', values: { status: 'first' } });
      const second = changeOf({ id: 'e1', values: { status: 'second' } });
      await store.quarantine(refusalOf(first, { body: Buffer.from('first') }));
      const replayOf = { key: 'e1', attempts: (await only(store, 'e1')).attempts };
      await store.quarantine(refusalOf(second, { body: Buffer.from('second') }));

      assert.deepEqual(await store.commit([{ ...first, replayOf }], {}), ['duplicate']);
      assert.equal(await store.quarantine(refusalOf(first, { replayOf })), 'duplicate');
      const kept = await only(store, 'e1');
      assert.deepEqual([Buffer.from(kept.body!).toString(), kept.state], ['second', 'quarantined']);
      assert.deepEqual(await rows('appointment'), []);

      const current = { key: 'e1', attempts: kept.attempts };
      assert.equal(await store.quarantine(refusalOf(second, { replayOf: current })), 'quarantined');
      const next = { key: 'e1', attempts: kept.attempts + 1 };
      assert.deepEqual(await store.commit([{ ...second, replayOf: next }], {}), ['applied']);
    },
  },
  {
    name: 'bounds the quarantine of each client',
    async run(open) {
      const { store } = await opened(open, 2);
      const refused = (id: string, client = '1001') =>
        store.quarantine(refusalOf(changeOf({ id, client })));
      assert.equal(await refused('e1'), 'quarantined');
      assert.equal(await refused('e2'), 'quarantined');
      assert.equal(await refused('e3'), 'over_quota');
      assert.equal(await refused('e2'), 'quarantined');
      assert.equal(await refused('e3', '1002'), 'quarantined');
      assert.deepEqual(await commit(store, { id: 'e1' }), ['applied']);
      assert.equal(await refused('e1'), 'duplicate');
      assert.equal(await refused('e3'), 'quarantined');
      assert.equal(await refused('e4'), 'over_quota');
      assert.equal((await found(store, { clientId: '1001' })).length, 3);
    },
  },
  {
    name: 'finds entries by every filter, page by page, while they change',
    async run(open) {
      const { store } = await opened(open);
      const numbers = Array.from({ length: 250 }, (_, i) => `n${String(i).padStart(3, '0')}`);
      await commit(store, ...numbers.map((id) => ({ id, client: 'many', key: id })));
      await commit(store, { id: 'e1' }, { id: 'e2', operation: 'created' });
      const late = { receivedAt: '2026-02-01T00:00:00.000Z' };
      await store.quarantine(refusalOf(changeOf({ id: 'q1' }), late));

      const ids = async (filter: EventFilter) =>
        (await found(store, filter)).map(({ eventId }) => eventId);
      assert.deepEqual(await ids({ clientId: 'many' }), numbers);
      assert.deepEqual(await ids({ clientId: '1001' }), ['e1', 'e2', 'q1']);
      assert.deepEqual(await ids({ state: 'quarantined' }), ['q1']);
      assert.deepEqual(await ids({ type: 'appointment.created' }), ['e2']);
      assert.deepEqual(await ids({ code: 'mapping_not_found' }), ['q1']);
      assert.deepEqual(await ids({ eventId: 'e1', clientId: '1002' }), []);
      assert.deepEqual(await ids({ receivedFrom: new Date(late.receivedAt) }), ['q1']);
      const before = { clientId: '1001', receivedBefore: new Date(late.receivedAt) };
      assert.deepEqual(await ids(before), ['e1', 'e2']);

      let seen = 0;
      for await (const { eventId } of store.find({ clientId: 'many' })) {
        seen++;
        const specs = { id: eventId, client: 'many', key: eventId, force: true };
        assert.deepEqual(await commit(store, specs), ['stale']);
      }
      assert.equal(seen, 250);
    },
  },
  {
    name: 'erases bodies and forgets keys by age, quarantine excepted, without changing a row',
    async run(open) {
      const { store, rows } = await opened(open);
      const old = { id: 'e1', at: T(1), values: { status: 'a', note: 'n' } };
      await commit(store, old, { id: 'e2', at: T(2), values: { status: 'b' } });
      await store.quarantine(refusalOf(changeOf({ id: 'q1' })));
      const before = await rows('appointment');
      const cut = new Date('2026-01-01T00:00:00.001Z');
      const early = new Date('2026-01-01T00:00:00.000Z');

      assert.deepEqual(await store.prune({ bodiesBefore: early, keysBefore: early }), {
        bodies: 0,
        keys: 0,
      });
      assert.deepEqual(await store.prune({ bodiesBefore: cut }), { bodies: 2, keys: 0 });
      assert.deepEqual(await store.prune({ bodiesBefore: cut }), { bodies: 0, keys: 0 });
      assert.equal((await only(store, 'e1')).body, null);
      assert.notEqual((await only(store, 'q1')).body, null);
      assert.deepEqual(await commit(store, { ...old, values: { status: 'c' } }), ['conflict']);
      assert.deepEqual(await commit(store, old), ['duplicate']);

      assert.deepEqual(await store.prune({ keysBefore: cut }), { bodies: 0, keys: 2 });
      assert.deepEqual(
        (await found(store)).map(({ eventId }) => eventId),
        ['q1'],
      );
      await commit(store, old);
      assert.deepEqual(await rows('appointment'), before);
    },
  },
  {
    name: 'adds what later mappings bring, and refuses a change of key',
    async run(open) {
      const { store, rows } = await opened(open);
      await commit(store, { id: 'e1', values: { status: 'a' } });
      await store.prepare([{ ...APPOINTMENT, columns: ['extra'] }]);
      await commit(store, { id: 'e2', values: { extra: 'x', room: 'r' } });
      const [row] = await rows('appointment');
      assert.deepEqual([row!['status'], row!['extra'], row!['room']], ['a', 'x', 'r']);

      await assert.rejects(
        store.prepare([{ table: 'appointment', key: ['status'], columns: ['id'] }]),
        (error: unknown) => error instanceof SchemaError && error.problems.length > 0,
      );
      assert.deepEqual(await commit(store, { id: 'e3', values: { status: 'b' } }), ['applied']);
    },
  },
  {
    name: 'writes nothing of a batch it cannot commit',
    async run(open) {
      const { store, rows } = await opened(open);
      const good = changeOf({ id: 'e1', values: { status: 'a' } });
      const lost = changeOf({ id: 'e2' });
      const bad = { ...lost, row: { ...lost.row!, table: 'nowhere' } };
      await assert.rejects(store.commit([good, bad], {}));
      assert.deepEqual(await rows('appointment'), []);
      assert.deepEqual(await found(store), []);
      assert.deepEqual(await store.commit([good], {}), ['applied']);
    },
  },
];
