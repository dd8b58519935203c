import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { EventBlocks, type RecordedEvent } from '../../src/stores/memory/record.ts';
import { memoryIdempotency, memoryPersistence, memoryStore } from '../../src/stores/memory.ts';
import { APPOINTMENT, changeOf, refusalOf } from '../../src/testing/changes.ts';
import { eventStoreSuite } from '../../src/testing/event-store.ts';
import { idempotencyStoreSuite } from '../../src/testing/idempotency-store.ts';
import { persistenceStoreSuite } from '../../src/testing/persistence-store.ts';
import type { StoredEvent } from '../../src/stores/types.ts';

const found = async (store: ReturnType<typeof memoryStore>): Promise<StoredEvent[]> => {
  const entries: StoredEvent[] = [];
  for await (const entry of store.find({})) entries.push(entry);
  return entries;
};

describe('memoryStore', () => {
  const suite = eventStoreSuite((options) => {
    const store = memoryStore(options);
    return Promise.resolve({ store, rows: (table) => Promise.resolve(store.rows(table)) });
  });
  for (const { name, run } of suite) it(name, run);

  it.each([-1, 1.5, NaN, Infinity])('refuses the quota %d', (quarantineQuota) => {
    expect(() => memoryStore({ quarantineQuota })).toThrow(ConfigurationError);
  });
});

describe('the rows of memoryStore', () => {
  it('are its own: no event changes what an earlier one was handed in with', async () => {
    const store = memoryStore();
    await store.prepare([APPOINTMENT]);
    const first = changeOf({ id: 'e1', values: { status: 'x', room: 'r' } });
    await store.commit([first], {});
    const [before] = store.rows('appointment');
    await store.commit([changeOf({ id: 'e2', values: { status: 'y' } })], {});
    await store.commit([changeOf({ id: 'e3', values: { note: 'n' } })], {});
    expect(first.row?.values).toEqual({ status: 'x', room: 'r' });
    expect(before).toMatchObject({ status: 'x', room: 'r' });
    expect(store.rows('appointment')).toMatchObject([{ status: 'y', room: 'r', note: 'n' }]);
  });
});

describe("memoryStore as a composed store's inbox", () => {
  it('records what was applied or declined, over whatever stands under its id', async () => {
    const store = memoryStore({ quarantineQuota: 1 });
    const change = changeOf({ id: 'e1', values: { status: 'x' } });
    await store.quarantine(refusalOf(change));
    await store.record(change);
    const { row: _, body, ...event } = change;
    expect(await found(store)).toEqual([
      {
        ...event,
        body: new Uint8Array(body!),
        state: 'applied',
        code: null,
        reason: null,
        attempts: 2,
      },
    ]);
    await store.record({ ...change, row: null });
    expect(await found(store)).toMatchObject([{ state: 'declined', attempts: 3 }]);
    expect(store.rows('appointment')).toEqual([]);
    expect(await store.quarantine(refusalOf(change))).toBe('duplicate');
    // The quarantine has room again.
    expect(await store.quarantine(refusalOf(changeOf({ id: 'e2' })))).toBe('quarantined');
  });

  it('drops the quarantine entry a replay began with, and no other entry', async () => {
    const store = memoryStore();
    const change = changeOf({ id: 'e1' });
    await store.quarantine(refusalOf(change, { eventId: null, digest: null }));
    const [{ eventId: key }] = (await found(store)) as [StoredEvent];
    await store.record(changeOf({ id: 'e2' }));
    await store.record({ ...change, replayOf: { key: 'e2', attempts: 1 } });
    expect((await found(store)).map(({ eventId }) => eventId)).toEqual([key, 'e1', 'e2']);
    await store.record({ ...change, replayOf: { key, attempts: 1 } });
    expect((await found(store)).map(({ eventId }) => eventId)).toEqual(['e1', 'e2']);
  });
});

describe('what memoryStore holds of a body', () => {
  const record = vi.spyOn(EventBlocks.prototype, 'record');
  const blockOf = (call: number): string =>
    (record.mock.results[call]!.value as RecordedEvent).block.toString('latin1');
  afterEach(() => void record.mockClear());

  it('is overwritten by retention, by forgetting and by a forced replay', async () => {
    const store = memoryStore();
    await store.prepare([APPOINTMENT]);
    const change = changeOf({ id: 'e1' });
    await store.commit([change, changeOf({ id: 'e2' })], {});
    expect(blockOf(0)).toMatch(/body of e1.*body of e2/);
    await store.commit([{ ...change, force: true, body: Buffer.from('again') }], {});
    expect(blockOf(0)).not.toContain('e1');
    expect(blockOf(0)).toMatch(/body of e2.*again/);
    const before = new Date('2030-01-01');
    expect(await store.prune({ bodiesBefore: before })).toEqual({ bodies: 2, keys: 0 });
    expect(blockOf(0)).not.toMatch(/body|again/);

    await store.commit([changeOf({ id: 'e3' })], {});
    expect(blockOf(3)).toContain('body of e3');
    await store.prune({ keysBefore: before });
    expect(blockOf(3)).not.toContain('body');
  });

  it('is not in a block with those erased by age while it is in quarantine', async () => {
    const store = memoryStore();
    await store.quarantine(refusalOf(changeOf({ id: 'q1' })));
    expect(record).not.toHaveBeenCalled();
    expect(await found(store)).toMatchObject([{ body: new Uint8Array(Buffer.from('body of q1')) }]);
  });
});

describe('memoryIdempotency', () => {
  const suite = idempotencyStoreSuite(() => {
    let now = 0;
    return Promise.resolve({
      store: memoryIdempotency({ now: () => now }),
      lease: 1_000,
      elapse: (milliseconds) => {
        now += milliseconds;
        return Promise.resolve();
      },
    });
  });
  for (const { name, run } of suite) it(name, run);

  it('refuses an option nobody knows', () => {
    expect(() => memoryIdempotency({ clock: Date.now } as object)).toThrow(ConfigurationError);
  });
});

describe('memoryPersistence', () => {
  const suite = persistenceStoreSuite(() => {
    const store = memoryPersistence();
    return Promise.resolve({ store, rows: (table) => Promise.resolve(store.rows(table)) });
  });
  for (const { name, run } of suite) it(name, run);
});
