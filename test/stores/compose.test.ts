import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError, StorageError } from '../../src/errors.ts';
import { type ComposedStoreOptions, composeStores } from '../../src/stores/compose.ts';
import { memoryIdempotency, memoryPersistence, memoryStore } from '../../src/stores/memory.ts';
import { redisIdempotency } from '../../src/stores/redis.ts';
import type {
  ClaimRequest,
  EventStore,
  IdempotencyStore,
  InboxStore,
  PersistenceStore,
  StoredEvent,
  Verdict,
} from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf, refusalOf, rowChangeOf } from '../../src/testing/changes.ts';
import { eventStoreSuite, type OpenEventStore } from '../../src/testing/event-store.ts';
import { assertRow, HISTORIES, model } from '../../src/testing/rows.ts';
import { fixture, post } from '../support/receiver.ts';
import { missingRedis, REDIS_URL, removeKeys, scratchPrefix } from '../support/redis.ts';

const LEASE = 3_000;

interface Parts {
  readonly idempotency: IdempotencyStore;
  readonly persistence: ReturnType<typeof memoryPersistence>;
  readonly inbox: ReturnType<typeof memoryStore>;
  /** The calls of the parts, in order. */
  readonly calls: string[];
  /** Moves the clock of the leases. */
  readonly elapse: (milliseconds: number) => void;
}

/** Parts in memory that write down what is asked of them. */
function parts(): Parts {
  const calls: string[] = [];
  const logged = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          calls.push(String(name));
          return Reflect.apply(member, target, args) as unknown;
        };
      },
    });
  let now = 0;
  return {
    idempotency: logged(memoryIdempotency({ now: () => now })),
    persistence: logged(memoryPersistence()),
    inbox: logged(memoryStore()),
    calls,
    elapse: (milliseconds) => {
      now += milliseconds;
    },
  };
}

async function composed(
  { idempotency, persistence, inbox, calls }: Parts,
  overrides: {
    readonly idempotency?: Partial<IdempotencyStore>;
    readonly persistence?: Partial<PersistenceStore>;
    readonly inbox?: Partial<InboxStore>;
  } = {},
): Promise<EventStore> {
  const over = <T extends object>(part: T, changed: Partial<T> = {}): T =>
    new Proxy(part, {
      get: (target, name) => (Reflect.get(changed, name) ?? Reflect.get(target, name)) as unknown,
    });
  const store = composeStores({
    idempotency: over(idempotency, overrides.idempotency),
    persistence: over<PersistenceStore>(persistence, overrides.persistence),
    inbox: over<InboxStore>(inbox, overrides.inbox),
    lease: LEASE,
  });
  await store.prepare([APPOINTMENT]);
  calls.length = 0;
  return store;
}

async function found(store: Pick<EventStore, 'find'>): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = [];
  for await (const entry of store.find({})) entries.push(entry);
  return entries;
}

const E1 = rowChangeOf({ id: 'e1', values: { status: 'x' } });
const CLAIM: ClaimRequest = { clientId: '1001', eventId: 'e1', digest: E1.digest, lease: LEASE };
/** Applies nothing before it is told to. */
function heldUp(): { apply: () => Promise<'applied'>; finish: () => void } {
  const controller = new AbortController();
  const finished = new Promise<'applied'>((resolve) => {
    controller.signal.addEventListener('abort', () => {
      resolve('applied');
    });
  });
  return {
    apply: () => finished,
    finish: () => {
      controller.abort();
    },
  };
}

const never = () => new Promise<never>(() => undefined);

describe('composeStores in memory', () => {
  const open: OpenEventStore = (options) => {
    const persistence = memoryPersistence();
    const store = composeStores({
      idempotency: memoryIdempotency(),
      persistence,
      inbox: memoryStore(options),
    });
    return Promise.resolve({ store, rows: (table) => Promise.resolve(persistence.rows(table)) });
  };
  for (const { name, run } of eventStoreSuite(open, { atomicBatches: false })) it(name, run);
});

const missing = await missingRedis();
describe.skipIf(missing)('composeStores with claims in Redis', () => {
  const client = new Redis(REDIS_URL, { lazyConnect: true });
  const prefix = scratchPrefix();
  let count = 0;
  afterAll(async () => {
    await removeKeys(client, prefix);
    client.disconnect();
  });
  const open: OpenEventStore = (options) => {
    const persistence = memoryPersistence();
    const store = composeStores({
      idempotency: redisIdempotency({ client, prefix: `${prefix}${String(++count)}:` }),
      persistence,
      inbox: memoryStore(options),
    });
    return Promise.resolve({ store, rows: (table) => Promise.resolve(persistence.rows(table)) });
  };
  for (const { name, run } of eventStoreSuite(open, { atomicBatches: false })) it(name, run);
});

describe('a change in a composed store', () => {
  it('is claimed, applied, recorded and completed, in that order', async () => {
    const all = parts();
    const store = await composed(all);
    expect(await store.commit([E1])).toEqual(['applied']);
    expect(all.calls).toEqual(['claim', 'apply', 'record', 'complete']);
  });

  it('is applied to no row where it is declined', async () => {
    const all = parts();
    const store = await composed(all);
    expect(await store.commit([{ ...E1, row: null }])).toEqual(['applied']);
    expect(all.calls).toEqual(['claim', 'record', 'complete']);
  });

  it('is left alone where it is claimed elsewhere', async () => {
    const all = parts();
    const store = await composed(all);
    await all.idempotency.claim(CLAIM);
    all.calls.length = 0;
    expect(await store.commit([E1])).toEqual(['in_progress']);
    expect(all.calls).toEqual(['claim']);
  });

  it('is released where the table refuses it, even where that fails', async () => {
    const all = parts();
    const refusal: Verdict = { rejected: 'no', column: 'status' };
    const apply = () => Promise.resolve(refusal);
    const store = await composed(all, { persistence: { apply } });
    expect(await store.commit([E1])).toEqual([refusal]);
    expect(await found(store)).toEqual([]);
    const release = () => Promise.reject(new Error('away'));
    const failing = await composed(all, { persistence: { apply }, idempotency: { release } });
    expect(await failing.commit([E1])).toEqual([refusal]);
    all.elapse(LEASE);
    expect(await (await composed(all)).commit([E1])).toEqual(['applied']);
  });

  it('is in progress elsewhere where its claim turns out to be lost at the end', async () => {
    const all = parts();
    const apply: PersistenceStore['apply'] = (change) => {
      all.elapse(LEASE);
      return all.persistence.apply(change);
    };
    const store = await composed(all, { persistence: { apply } });
    expect(await store.commit([E1])).toEqual(['in_progress']);
    expect(await (await composed(all)).commit([E1])).toEqual(['applied']);
    expect(all.persistence.rows('appointment')).toHaveLength(1);
  });

  it.each(['claim', 'apply', 'record', 'complete'] as const)(
    'rejects with what %s throws, and can be sent again at once',
    async (step) => {
      const all = parts();
      const failure = new Error(`${step} fails`);
      const fails = () => Promise.reject(failure);
      const part = { apply: 'persistence', record: 'inbox' }[step as string] ?? 'idempotency';
      const store = await composed(all, { [part]: { [step]: fails } });
      await expect(store.commit([E1])).rejects.toBe(failure);
      expect(await (await composed(all)).commit([E1])).toEqual(['applied']);
      expect(all.persistence.rows('appointment')).toHaveLength(1);
    },
  );

  it('rejects with the first error where the release fails too', async () => {
    const all = parts();
    const failure = new Error('first');
    const store = await composed(all, {
      persistence: { apply: () => Promise.reject(failure) },
      idempotency: { release: () => Promise.reject(new Error('second')) },
    });
    await expect(store.commit([E1])).rejects.toBe(failure);
    expect(await (await composed(all)).commit([E1])).toEqual(['in_progress']);
    all.elapse(LEASE);
    expect(await (await composed(all)).commit([E1])).toEqual(['applied']);
  });

  it.each(['apply', 'record', 'complete'] as const)(
    'is processed again after a crash before %s, into the same row',
    async (step) => {
      const all = parts();
      const part = { apply: 'persistence', record: 'inbox' }[step as string] ?? 'idempotency';
      const crashed = await composed(all, { [part]: { [step]: never } });
      void crashed.commit([E1]);
      await vi.waitFor(() => {
        expect(all.calls).toContain({ apply: 'claim', record: 'apply', complete: 'record' }[step]);
      });
      const store = await composed(all);
      expect(await store.commit([E1])).toEqual(['in_progress']);
      all.elapse(LEASE);
      expect(await store.commit([E1])).toEqual(['applied']);
      expect(await store.commit([E1])).toEqual(['duplicate']);
      assertRow(all.persistence.rows('appointment')[0], model([E1]));
      expect(await found(store)).toMatchObject([{ eventId: 'e1', state: 'applied' }]);
    },
  );

  it('leaves the rows of the model, whatever fails and whenever', async () => {
    const events = HISTORIES.flatMap((history, i) =>
      history.map((spec) =>
        rowChangeOf({ ...spec, id: `${spec.id}-${String(i)}`, key: String(i) }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(events, { minLength: events.length }),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 40, maxLength: 40 }),
        async (order, failures) => {
          const all = parts();
          // 0: fails before it is done; 1: fails once it is done.
          const shaky =
            <A extends unknown[], T>(method: (...args: A) => Promise<T>) =>
            async (...args: A): Promise<T> => {
              const fate = failures.pop();
              if (fate === 0) throw new Error('before');
              const result = await method(...args);
              if (fate === 1) throw new Error('after');
              return result;
            };
          const { idempotency, persistence, inbox } = all;
          const store = await composed(all, {
            idempotency: {
              claim: shaky((request) => idempotency.claim(request)),
              complete: shaky((claim) => idempotency.complete(claim)),
              release: shaky((claim) => idempotency.release(claim)),
            },
            persistence: { apply: shaky((change) => persistence.apply(change)) },
            inbox: { record: shaky((change) => inbox.record(change)) },
          });
          for (let next = 0; next < order.length; next += 4) {
            const batch = order.slice(next, next + 4);
            for (let isDone = false; !isDone;) {
              const verdicts = await store.commit(batch).catch(() => ['in_progress']);
              isDone = !verdicts.includes('in_progress');
              all.elapse(LEASE);
            }
          }
          const rows = persistence.rows('appointment');
          expect(rows).toHaveLength(HISTORIES.length);
          for (const row of rows) {
            assertRow(row, model(events.filter(({ row: { key } }) => key['id'] === row['id'])));
          }
          expect(await found(store)).toHaveLength(events.length);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a replay in a composed store', () => {
  it('yields where the entry it began with has changed, and claims nothing then', async () => {
    const all = parts();
    const store = await composed(all);
    await store.quarantine(refusalOf(E1));
    await store.quarantine(refusalOf(E1));
    const replay = { ...E1, replayOf: { key: 'e1', attempts: 1 } };
    expect(await store.commit([replay])).toEqual(['duplicate']);
    expect(all.persistence.rows('appointment')).toEqual([]);
    expect(await store.commit([{ ...E1, replayOf: { key: 'e1', attempts: 2 } }])).toEqual([
      'applied',
    ]);
  });

  it('drops no entry where that would change what became of the event', async () => {
    const all = parts();
    const store = await composed(all);
    await store.commit([E1]);
    await store.quarantine(refusalOf(E1, { eventId: null, digest: null }));
    const [{ eventId: key }] = (await found(store)) as [StoredEvent];
    const replay = { ...E1, replayOf: { key, attempts: 1 } };
    const outdated = { ...E1, replayOf: { key, attempts: 2 } };
    for (const change of [{ ...replay, row: null }, outdated]) {
      expect(await store.commit([change])).toEqual(['duplicate']);
      expect(await found(store)).toMatchObject([{ eventId: key }, { state: 'applied' }]);
    }
    expect(await store.commit([replay])).toEqual(['duplicate']);
    expect(await found(store)).toMatchObject([{ eventId: 'e1', state: 'applied' }]);
  });
});

describe('the lease of a composed store', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is renewed every third of it while work goes on, and no longer', async () => {
    const all = parts();
    const { apply, finish } = heldUp();
    const store = await composed(all, { persistence: { apply } });
    const work = store.commit([E1]);
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(LEASE / 3);
      all.elapse(LEASE / 3);
    }
    expect(all.calls.filter((call) => call === 'renew')).toHaveLength(10);
    finish();
    expect(await work).toEqual(['applied']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('aborts the work once it is lost, and leaves the event to the other', async () => {
    const all = parts();
    const apply: PersistenceStore['apply'] = (_, options) =>
      new Promise((_resolve, reject) => {
        options!.signal!.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      });
    const store = await composed(all, { persistence: { apply } });
    const work = store.commit([E1]);
    await vi.advanceTimersByTimeAsync(1);
    all.elapse(LEASE);
    const other = await all.idempotency.claim(CLAIM);
    await vi.advanceTimersByTimeAsync(LEASE / 3);
    expect(await work).toEqual(['in_progress']);
    expect(all.calls).not.toContain('release');
    if (other.status !== 'claimed') throw new Error(other.status);
    expect(await all.idempotency.complete(other.claim)).toBe(true);
  });

  it('is not recorded where it was lost before the row was written', async () => {
    const all = parts();
    const apply = async () => {
      await new Promise((resolve) => setTimeout(resolve, LEASE));
      return 'applied' as const;
    };
    const store = await composed(all, {
      persistence: { apply },
      idempotency: { renew: () => Promise.resolve(false) },
    });
    const work = store.commit([E1]);
    await vi.advanceTimersByTimeAsync(LEASE);
    expect(await work).toEqual(['in_progress']);
    expect(all.calls).not.toContain('record');
  });

  it('counts as held where a renewal fails, until one says otherwise', async () => {
    const all = parts();
    let renewals = 0;
    const renew = () => {
      renewals++;
      return Promise.reject(new Error('away'));
    };
    const apply: PersistenceStore['apply'] = async (change) => {
      await new Promise((resolve) => setTimeout(resolve, LEASE));
      return all.persistence.apply(change);
    };
    const store = await composed(all, { persistence: { apply }, idempotency: { renew } });
    const work = store.commit([E1]);
    await vi.advanceTimersByTimeAsync(LEASE);
    expect(await work).toEqual(['applied']);
    expect(renewals).toBeGreaterThanOrEqual(2);
  });

  it('is renewed no more where the work ends while a renewal is on its way', async () => {
    const all = parts();
    let answer: ((isHeld: boolean) => void) | undefined;
    const renew = () =>
      new Promise<boolean>((resolve) => {
        answer = resolve;
      });
    const { apply, finish } = heldUp();
    const store = await composed(all, { persistence: { apply }, idempotency: { renew } });
    const work = store.commit([E1]);
    await vi.advanceTimersByTimeAsync(LEASE / 3);
    finish();
    expect(await work).toEqual(['applied']);
    answer!(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is renewed no more once the batch was given up, even where the work hangs', async () => {
    const all = parts();
    let isAborted = () => false;
    const apply: PersistenceStore['apply'] = (_, options) => {
      isAborted = () => options!.signal!.aborted;
      return never();
    };
    const store = await composed(all, { persistence: { apply } });
    const controller = new AbortController();
    void store.commit([E1], { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(LEASE / 3);
    expect(isAborted()).toBe(false);
    controller.abort();
    expect(isAborted()).toBe(true);
    await vi.advanceTimersByTimeAsync(10 * LEASE);
    expect(all.calls.filter((call) => call === 'renew')).toHaveLength(1);
  });
});

describe('a batch in a composed store', () => {
  const distinct = (count: number) =>
    Array.from({ length: count }, (_, i) => changeOf({ id: `e${String(i)}`, key: String(i) }));

  it('has several changes in work at a time, and no more than 16', async () => {
    const all = parts();
    let inWork = 0;
    let most = 0;
    const apply: PersistenceStore['apply'] = async (change) => {
      most = Math.max(most, ++inWork);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inWork--;
      return all.persistence.apply(change);
    };
    const store = await composed(all, { persistence: { apply } });
    const verdicts = await store.commit(distinct(100));
    expect(verdicts).toEqual(Array.from({ length: 100 }, () => 'applied'));
    expect(most).toBe(16);
  });

  it('takes the changes of a row, and the same event twice, in its order', async () => {
    const all = parts();
    let delay = 20;
    const apply: PersistenceStore['apply'] = async (change) => {
      // The first take longest.
      await new Promise((resolve) => setTimeout(resolve, (delay -= 4)));
      return all.persistence.apply(change);
    };
    const store = await composed(all, { persistence: { apply } });
    const at = (second: number) => `2025-01-08T12:00:0${String(second)}Z`;
    const change = (id: string, second: number, key = 'A1') =>
      changeOf({ id, at: at(second), key, values: { status: id } });
    expect(
      await store.commit([
        change('e1', 3),
        change('e2', 2),
        change('e3', 4),
        change('e1', 3),
        change('e1', 3, 'A2'),
        change('e4', 1, 'A2'),
      ]),
    ).toEqual(['applied', 'stale', 'applied', 'duplicate', 'conflict', 'applied']);
  });

  it('rejects once nothing is in work any more, and begins nothing after the failure', async () => {
    const all = parts();
    const begun: string[] = [];
    const ended: string[] = [];
    const apply: PersistenceStore['apply'] = async (change) => {
      begun.push(change.eventId);
      await new Promise((resolve) => setTimeout(resolve, change.eventId === 'e3' ? 1 : 10));
      if (change.eventId === 'e3') throw new Error('no');
      ended.push(change.eventId);
      return all.persistence.apply(change);
    };
    const batch = distinct(40);
    const store = await composed(all, { persistence: { apply } });
    await expect(store.commit(batch)).rejects.toThrow('no');
    expect(begun).toHaveLength(16);
    expect(ended).toHaveLength(15);
    const again = await (await composed(all)).commit(batch);
    expect(again.filter((verdict) => verdict === 'duplicate')).toHaveLength(15);
    expect(all.persistence.rows('appointment')).toHaveLength(40);
  });

  it('is not begun where it was given up before', async () => {
    const all = parts();
    const store = await composed(all);
    const signal = AbortSignal.abort();
    await expect(store.commit([E1], { signal })).rejects.toThrow(StorageError);
    expect(all.calls).toEqual([]);
  });

  it('is not applied where it was given up while it was being claimed', async () => {
    const all = parts();
    const controller = new AbortController();
    const claim: IdempotencyStore['claim'] = (request) => {
      controller.abort();
      return all.idempotency.claim(request);
    };
    const store = await composed(all, { idempotency: { claim } });
    const { signal } = controller;
    await expect(store.commit([E1], { signal })).rejects.toThrow('The deadline passed.');
    expect(all.calls).toEqual(['claim', 'release']);
  });
});

describe('closing a composed store', () => {
  it('closes each part once, even where another fails, once nothing is in work', async () => {
    const all = parts();
    const { apply, finish } = heldUp();
    const failure = new Error('no');
    const store = await composed(all, {
      persistence: { apply },
      idempotency: { close: () => Promise.reject(failure) },
    });
    const work = store.commit([E1]);
    const end = store.close();
    await vi.waitFor(() => {
      expect(all.calls).toContain('claim');
    });
    expect(all.calls).not.toContain('close');
    finish();
    await expect(end).rejects.toBe(failure);
    expect(await work).toEqual(['applied']);
    expect(all.calls.filter((call) => call === 'close')).toHaveLength(2);
  });

  it('closes an object once that is several parts', async () => {
    let closed = 0;
    const one = {
      ...memoryIdempotency(),
      ...memoryStore(),
      ...memoryPersistence(),
      close() {
        closed++;
        return Promise.resolve();
      },
    };
    await composeStores({ idempotency: one, persistence: one, inbox: one }).close();
    expect(closed).toBe(1);
  });
});

describe('the options of composeStores', () => {
  const { idempotency, persistence, inbox } = parts();
  it.each<[string, object, RegExp]>([
    ['a missing part', { inbox: undefined }, /inbox has no method record/],
    ['a part of another kind', { persistence: memoryStore() }, /persistence has no method apply/],
    ['no lease', { lease: 0 }, /lease must be/],
    ['half a lease', { lease: 1.5 }, /lease must be/],
    ['a lease no timer can wait for', { lease: 2 ** 31 }, /lease must be/],
    ['a misspelt option', { leese: 1 }, /no option leese/],
  ])('refuses %s', (_, options, message) => {
    const all = { idempotency, persistence, inbox, ...options } as ComposedStoreOptions;
    expect(() => composeStores(all)).toThrow(ConfigurationError);
    expect(() => composeStores(all)).toThrow(message);
  });
});

describe('a receiver on a composed store', () => {
  it('answers 503 and when to come back while an event is in work elsewhere', async () => {
    const all = parts();
    const { idempotency, persistence, inbox } = all;
    const store = composeStores({ idempotency, persistence, inbox, lease: LEASE });
    const { receiver } = fixture({ store });
    const event = {
      event_id: 'e1',
      timestamp: '2025-01-08T12:00:00Z',
      type: 'appointment.created',
      data: { his_appointment_id: 'A1' },
    };
    await idempotency.claim(CLAIM);

    const waiting = await post(receiver, event);
    expect(waiting).toMatchObject({ status: 503, body: { code: 'in_progress' } });
    expect(Number(waiting.headers['retry-after'])).toBeGreaterThan(0);
    all.elapse(LEASE);
    expect((await post(receiver, event)).status).toBe(200);
    expect((await post(receiver, event)).headers['idempotent-replayed']).toBe('true');
    await receiver.close();
  });
});
