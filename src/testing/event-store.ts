import assert from 'node:assert/strict';
import { checkMembers } from '../configuration.ts';
import type { EventFilter, EventStore, StoredEvent, StoreOptions } from '../stores/types.ts';
import { APPOINTMENT, changeOf, type ChangeSpec, refusalOf, rowChangeOf } from './changes.ts';
import { assertFirstRow, at, ROW_RULES, type RowsHarness, type RowTarget } from './rows.ts';
import { casesOf, type ConformanceCase, type Rule } from './suite.ts';

/** A fresh store, and a look into its tables that does not go through it. */
export interface EventStoreHarness extends RowsHarness {
  readonly store: EventStore;
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

/** Options of {@link eventStoreSuite}. */
export interface EventStoreSuiteOptions {
  /**
   * Whether a batch is written whole or not at all. `composeStores` cannot, and need not: what it
   * committed of a batch that failed is a duplicate when it comes again. A store that has
   * transactions can, and should.
   * @default true
   */
  readonly atomicBatches?: boolean;
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
export function eventStoreSuite(
  open: OpenEventStore,
  options: EventStoreSuiteOptions = {},
): readonly ConformanceCase[] {
  checkMembers('eventStoreSuite', options, ['atomicBatches']);
  const rules = options.atomicBatches === false ? RULES : [...RULES, ATOMIC_BATCHES];
  return [
    ...casesOf(rules, open, (open) => Promise.resolve(open)),
    ...casesOf(ROW_RULES, open, async (open) => rowTarget(await opened(open))),
  ];
}

function rowTarget({ store, ...harness }: EventStoreHarness): RowTarget {
  return {
    ...harness,
    prepare: (tables) => store.prepare(tables),
    write: (changes) => store.commit(changes, {}),
  };
}

const RULES: readonly Rule<OpenEventStore>[] = [
  {
    name: 'claims an event and writes its row, with its bookkeeping',
    async run(open) {
      const { store, rows } = await opened(open);
      const spec = { id: 'e1', operation: 'created', values: { status: 'open' } };
      assert.deepEqual(await commit(store, spec), ['applied']);
      const change = rowChangeOf(spec);
      assertFirstRow(await rows('appointment'), change);
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
      const e1 = { id: 'e1', at: at(1), values: { status: 'a' } };
      assert.deepEqual(
        await commit(
          store,
          e1,
          e1,
          { ...e1, values: { status: 'b' } },
          { ...e1, id: 'e0', at: at(0) },
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
    name: 'knows the tables of all mappings that come into use at the same time',
    async run(open) {
      const { store } = await opened(open);
      const tables = ['slot', 'service', 'location'];
      await Promise.all(
        tables.map((table) => store.prepare([{ table, key: ['id'], columns: ['status'] }])),
      );
      const batch = tables.map((table, i) => {
        const change = changeOf({ id: `e${String(i)}`, values: { status: 'a' } });
        return { ...change, row: { ...change.row!, table } };
      });
      for (const change of batch) assert.deepEqual(await store.commit([change]), ['applied']);
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
      await commit(store, { id: 'e1', at: at(1), values: { status: 'wrong', room: '1' }, content });
      await commit(store, { id: 'e2', at: at(2), values: { room: '2' } });
      const again = { id: 'e1', at: at(1), values: { status: 'right', room: '9' }, content };
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
    name: 'lets a replay yield to a delivery that stands before it in its batch',
    async run(open) {
      const { store } = await opened(open);
      const change = changeOf({ id: 'e1', values: { status: 'a' } });
      await store.quarantine(refusalOf(change));
      const replayed = { ...change, force: true, replayOf: { key: 'e1', attempts: 1 } };
      assert.deepEqual(await store.commit([change, replayed], {}), ['applied', 'duplicate']);
      assert.equal((await only(store, 'e1')).attempts, 2);
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
    name: 'tells apart in quarantine what it tells apart elsewhere: clients, and ids by every byte',
    async run(open) {
      const { store } = await opened(open, 3);
      const names = [
        ['1001', 'e1'],
        ['1001', 'E1'],
        ['1001', 'e1:e1'],
        ['1001:e1', 'e1'],
        ['1002', 'e1'],
        ['a', 'e1'],
        ['A', 'e1'],
      ] as const;
      const refused = ([client, id]: readonly [string, string]) =>
        store.quarantine(refusalOf(changeOf({ id, client })));
      for (const name of names) assert.equal(await refused(name), 'quarantined', name.join('/'));
      for (const name of names) assert.equal(await refused(name), 'quarantined', name.join('/'));
      assert.equal(await refused(['1001', 'e2']), 'over_quota');
      for (const [clientId, eventId] of names) {
        const entries = await found(store, { clientId, eventId });
        assert.deepEqual(
          entries.map((entry) => [entry.clientId, entry.eventId, entry.attempts]),
          [[clientId, eventId, 2]],
        );
      }

      // What one of them becomes is nothing to the others.
      assert.deepEqual(await commit(store, { id: 'E1' }), ['applied']);
      assert.equal((await found(store, { state: 'quarantined' })).length, names.length - 1);
      assert.equal(await refused(['1001', 'e2']), 'quarantined');
      assert.equal(await refused(['1001', 'E2']), 'over_quota');
      assert.equal(await refused(['A', 'E1']), 'quarantined');
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
      const old = { id: 'e1', at: at(1), values: { status: 'a', note: 'n' } };
      await commit(store, old, { id: 'e2', at: at(2), values: { status: 'b' } });
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
];

const ATOMIC_BATCHES: Rule<OpenEventStore> = {
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
};
