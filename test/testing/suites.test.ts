import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/errors.ts';
import { memoryIdempotency, memoryPersistence, memoryStore } from '../../src/stores/memory.ts';
import type {
  Change,
  EventStore,
  IdempotencyStore,
  PersistenceStore,
  RowChange,
  Verdict,
} from '../../src/stores/types.ts';
import { eventStoreSuite, type EventStoreSuiteOptions } from '../../src/testing/event-store.ts';
import { idempotencyStoreSuite } from '../../src/testing/idempotency-store.ts';
import { persistenceStoreSuite } from '../../src/testing/persistence-store.ts';
import type { ConformanceCase } from '../../src/testing/suite.ts';

/** The names of the cases that a store fails, of those whose name matches. */
async function failures(all: readonly ConformanceCase[], of = /(?:)/): Promise<string[]> {
  const suite = all.filter(({ name }) => of.test(name));
  const ends = await Promise.allSettled(suite.map(({ run }) => run()));
  return suite.filter((_, index) => ends[index]!.status === 'rejected').map(({ name }) => name);
}

type Break<Store> = (store: Store) => Partial<Store>;
type Mutants<Store> = readonly [name: string, fails: RegExp, change: Break<Store>][];

/** A memory store with some members replaced. */
const broken = <Whole extends Store, Store extends object>(
  store: Whole,
  change: Break<Store>,
): Whole => ({ ...store, ...change(store) });

describe('idempotencyStoreSuite', () => {
  const suiteOf = (change: Break<IdempotencyStore>) =>
    idempotencyStoreSuite(() => {
      let now = 0;
      return Promise.resolve({
        store: broken(memoryIdempotency({ now: () => now }), change),
        lease: 1_000,
        elapse: (milliseconds) => {
          now += milliseconds;
          return Promise.resolve();
        },
      });
    });

  /** Claims under the token that is held now. */
  function tokens(store: IdempotencyStore) {
    const held = new Map<string, string>();
    return {
      claim: async (request: Parameters<IdempotencyStore['claim']>[0]) => {
        const result = await store.claim(request);
        if (result.status === 'claimed') held.set(request.eventId, result.claim.token);
        return result;
      },
      current: <T extends { readonly eventId: string; readonly token: string }>(claim: T): T => ({
        ...claim,
        token: held.get(claim.eventId) ?? claim.token,
      }),
    };
  }

  const mutants: Mutants<IdempotencyStore> = [
    [
      'gives out what it looked up before',
      /exactly one of many/,
      (store) => ({
        async claim(request) {
          const result = await store.claim(request);
          if (result.status !== 'in_progress') return result;
          const { clientId, eventId } = request;
          return { status: 'claimed', claim: { clientId, eventId, token: 'another' } };
        },
      }),
    ],
    [
      'ignores the token of what is completed',
      /late while another holds/,
      (store) => {
        const { claim, current } = tokens(store);
        return { claim, complete: (late) => store.complete(current(late)) };
      },
    ],
    [
      'ignores the token of what is released',
      /late while another holds/,
      (store) => {
        const { claim, current } = tokens(store);
        return { claim, release: (late) => store.release(current(late)) };
      },
    ],
    [
      'ignores the token of what is renewed',
      /late while another holds/,
      (store) => {
        const { claim, current } = tokens(store);
        return { claim, renew: (late, lease) => store.renew(current(late), lease) };
      },
    ],
    [
      'ends no lease',
      /once the lease has ended/,
      (store) => ({ claim: (request) => store.claim({ ...request, lease: Infinity }) }),
    ],
    ['prolongs no lease', /from its renewal on/, () => ({ renew: () => Promise.resolve(true) })],
    [
      'adds to a lease in place of counting it anew',
      /from its renewal on/,
      (store) => ({ renew: (claim, lease) => store.renew(claim, lease + 600_000) }),
    ],
    [
      'knows no conflict',
      /duplicate from a conflict/,
      (store) => ({ claim: (request) => store.claim({ ...request, digest: 'same' }) }),
    ],
    [
      'knows no force',
      /one that forces it/,
      (store) => ({ claim: (request) => store.claim({ ...request, force: false }) }),
    ],
    [
      'forces whatever the content',
      /duplicate from a conflict/,
      (store) => ({
        claim: (request) =>
          store.claim(request.force === true ? { ...request, digest: 'a'.repeat(64) } : request),
      }),
    ],
    [
      'completes what is released',
      /once its claim is released/,
      (store) => ({ release: (claim) => store.complete(claim) }),
    ],
    [
      'releases what is completed',
      /duplicate from a conflict/,
      (store) => ({ complete: (claim) => store.release(claim) }),
    ],
    [
      'takes letter case for nothing',
      /every byte/,
      (store) => ({
        claim: (request) => store.claim({ ...request, eventId: request.eventId.toLowerCase() }),
      }),
    ],
    [
      'joins ids with a colon',
      /every byte/,
      (store) => ({
        claim: (request) =>
          store.claim({
            ...request,
            clientId: '',
            eventId: `${request.clientId}:${request.eventId}`,
          }),
      }),
    ],
  ];
  it('passes the store that is whole', async () => {
    expect(await failures(suiteOf(() => ({})))).toEqual([]);
  });
  it.each(mutants)('fails a store that %s', async (_, fails, change) => {
    expect(await failures(suiteOf(change), fails)).not.toEqual([]);
  });
});

type Applied = Change & { readonly row: RowChange };

/** A persistence store whose changes are altered before they are applied. */
const altering =
  (alter: (row: RowChange) => RowChange): Break<PersistenceStore> =>
  (store) => ({
    apply: (change) => store.apply({ ...change, row: alter(change.row) }),
  });

const lowered = (text: string) => text.toLowerCase();
const withKey =
  (change: (value: string) => string) =>
  (row: RowChange): RowChange => ({
    ...row,
    key: Object.fromEntries(Object.entries(row.key).map(([name, key]) => [name, change(key)])),
  });

describe('persistenceStoreSuite', () => {
  const isRefused = ({ row }: Applied) => row.values['status'] === 'refused';
  /** What memory lacks: a table that refuses a row. */
  const refusing: Break<PersistenceStore> = (store) => ({
    apply: (change) =>
      isRefused(change) ? Promise.resolve({ rejected: 'no' }) : store.apply(change),
  });
  const suiteOf = (change: Break<PersistenceStore>) =>
    persistenceStoreSuite(() => {
      const store = broken(broken(memoryPersistence(), refusing), change);
      return Promise.resolve({
        store,
        rows: (table) => Promise.resolve(store.rows(table)),
        refuse: () => Promise.resolve({ status: 'refused' }),
      });
    });
  const rowOf = ({ clientId, row }: Applied) => JSON.stringify([clientId, row.table, row.key]);

  const mutants: Mutants<PersistenceStore> = [
    [
      'guards the row in place of its columns',
      /one row for every order/,
      (store) => {
        const latest = new Map<string, string>();
        return {
          apply(change) {
            const newest = latest.get(rowOf(change)) ?? '';
            if (change.row.version < newest) return Promise.resolve('stale');
            latest.set(rowOf(change), change.row.version);
            return store.apply(change);
          },
        };
      },
    ],
    [
      'lets the last to come win',
      /one row for every order/,
      (store) => {
        let count = 0;
        return {
          apply: (change) =>
            store.apply({
              ...change,
              row: { ...change.row, version: String(count++).padStart(9) },
            }),
        };
      },
    ],
    [
      'compares times and no ids',
      /one row for every order/,
      altering((row) => ({ ...row, version: row.version.slice(0, 30) })),
    ],
    [
      'compares ids without their case',
      /one row for every order/,
      altering((row) => ({ ...row, version: row.version.toLowerCase() })),
    ],
    [
      'writes by half when several come at once',
      /at the same time/,
      (store) => {
        let inWork = 0;
        return {
          async apply(change) {
            inWork++;
            await new Promise((resolve) => setTimeout(resolve, 1));
            const isAlone = inWork === 1;
            inWork--;
            return isAlone ? store.apply(change) : 'applied';
          },
        };
      },
    ],
    [
      'calls everything applied',
      /stale/,
      (store) => ({
        async apply(change) {
          const verdict = await store.apply(change);
          return verdict === 'stale' ? 'applied' : verdict;
        },
      }),
    ],
    [
      'writes no event over its own values',
      /over its own values/,
      (store) => {
        const applied = new Set<string>();
        return {
          apply(change) {
            if (applied.has(change.eventId)) return Promise.resolve('applied');
            applied.add(change.eventId);
            return store.apply(change);
          },
        };
      },
    ],
    [
      'writes a part of what it rejects',
      /that the table refuses/,
      (store) => ({
        async apply(change) {
          const verdict = await store.apply(change);
          const part = { ...change.row, values: { note: 'a part' } };
          if (typeof verdict === 'object') await store.apply({ ...change, row: part });
          return verdict;
        },
      }),
    ],
    [
      'quotes what it rejects',
      /that the table refuses/,
      (store) => ({
        async apply(change) {
          const verdict = await store.apply(change);
          const quote = JSON.stringify(change.row.values);
          return typeof verdict === 'object' ? { rejected: quote } : verdict;
        },
      }),
    ],
    [
      'throws what it rejects',
      /that the table refuses/,
      (store) => ({
        async apply(change) {
          const verdict = await store.apply(change);
          if (typeof verdict === 'object') throw new Error(verdict.rejected);
          return verdict;
        },
      }),
    ],
    [
      'leaves the null of a patch out',
      /one row for every order/,
      altering((row) => ({
        ...row,
        values: Object.fromEntries(
          Object.entries(row.values).filter(([, value]) => value !== null),
        ),
      })),
    ],
    [
      'makes text of every value',
      /each kind of value/,
      altering((row) => ({
        ...row,
        values: Object.fromEntries(
          Object.entries(row.values).map(([name, value]) => [
            name,
            typeof value === 'number' ? String(value) : value,
          ]),
        ),
      })),
    ],
    [
      'shares rows between clients',
      /rows of clients apart/,
      (store) => ({ apply: (change) => store.apply({ ...change, clientId: '1001' }) }),
    ],
    ['takes keys for one that differ in case', /by every byte/, altering(withKey(lowered))],
    ['trims keys', /by every byte/, altering(withKey((key) => key.trim()))],
    [
      'knows the columns of the first mapping only',
      /later mappings/,
      (store) => ({
        apply: (change) =>
          'extra' in change.row.values ? Promise.reject(new Error('extra')) : store.apply(change),
      }),
    ],
    ['takes any key', /change of key/, () => ({ prepare: () => Promise.resolve() })],
  ];
  it('passes the store that is whole', async () => {
    expect(await failures(suiteOf(() => ({})))).toEqual([]);
  });
  it.each(mutants)('fails a store that %s', async (_, fails, change) => {
    expect(await failures(suiteOf(change), fails)).not.toEqual([]);
  });
});

describe('eventStoreSuite', () => {
  const ROW: RowChange = { table: 'appointment', key: { id: 'A1' }, values: {}, version: 'v' };
  const suiteOf = (change: Break<EventStore>, options?: EventStoreSuiteOptions) =>
    eventStoreSuite((storeOptions) => {
      const store = broken(memoryStore(storeOptions), change);
      return Promise.resolve({ store, rows: (table) => Promise.resolve(store.rows(table)) });
    }, options);
  /** A store whose changes are altered before they are committed. */
  const changing =
    (alter: (change: Change) => Change): Break<EventStore> =>
    (store) => ({ commit: (batch) => store.commit(batch.map(alter)) });

  const mutants: Mutants<EventStore> = [
    [
      'quarantines ids for one that differ in case',
      /tells apart in quarantine/,
      (store) => ({
        quarantine: (event) =>
          store.quarantine({ ...event, eventId: event.eventId!.toLowerCase() }),
      }),
    ],
    [
      'quarantines for all clients under one name',
      /tells apart in quarantine/,
      (store) => ({
        quarantine: (event) =>
          store.quarantine({ ...event, eventId: `${event.clientId}:${event.eventId!}` }),
      }),
    ],
    [
      'finds ids whatever their case',
      /tells apart in quarantine/,
      (store) => ({
        find: ({ eventId, ...filter }) => {
          async function* matching() {
            for await (const entry of store.find(filter)) {
              const same = entry.eventId.toLowerCase() === eventId?.toLowerCase();
              if (eventId === undefined || same) yield entry;
            }
          }
          return matching();
        },
      }),
    ],
    [
      'commits the changes of a batch one by one',
      /nothing of a batch it cannot commit/,
      (store) => ({
        async commit(batch) {
          const verdicts: Verdict[] = [];
          for (const change of batch) verdicts.push(...(await store.commit([change])));
          return verdicts;
        },
      }),
    ],
    [
      'commits a batch from its end',
      /batch in its order/,
      (store) => ({
        async commit(batch) {
          const verdicts = await store.commit(batch.toReversed());
          return verdicts.toReversed();
        },
      }),
    ],
    [
      'claims without a digest',
      /other content with conflict/,
      changing((c) => ({ ...c, digest: '' })),
    ],
    [
      'shares ids between clients',
      /clients apart/,
      changing((change) => ({ ...change, clientId: '1001' })),
    ],
    [
      'applies what is declined',
      /without a row/,
      changing((change) => ({ ...change, row: change.row ?? ROW })),
    ],
    [
      'downgrades an applied event',
      /never downgrades/,
      (store) => ({
        quarantine: (event) => store.quarantine({ ...event, digest: `${event.digest ?? ''}!` }),
      }),
    ],
    [
      'overtakes what was delivered since a replay began',
      /lets a replay yield/,
      (store) => ({
        commit: (batch) => store.commit(batch.map(({ replayOf: _, ...change }) => change)),
        quarantine: ({ replayOf: _, ...event }) => store.quarantine(event),
      }),
    ],
    ['forces nothing', /again by force/, changing((change) => ({ ...change, force: false }))],
    ['keeps refused events without end', /bounds the quarantine/, () => memoryStore()],
    ['prunes nothing', /by age/, () => ({ prune: () => Promise.resolve({ bodies: 0, keys: 0 }) })],
    [
      'finds a first page only',
      /by every filter/,
      (store) => ({
        async *find(filter) {
          let count = 0;
          for await (const entry of store.find(filter)) if (count++ < 100) yield entry;
        },
      }),
    ],
    [
      'ignores a part of the filter',
      /by every filter/,
      (store) => ({
        find: ({ type: _type, state: _state, code: _code, ...filter }) => store.find(filter),
      }),
    ],
    [
      'compares times alone',
      /one row for every order/,
      changing((change) => ({
        ...change,
        ...(change.row === null ? {} : { row: { ...change.row, version: change.occurredAt } }),
      })),
    ],
  ];
  it('passes the store that is whole', async () => {
    expect(await failures(suiteOf(() => ({})))).toEqual([]);
  });
  it.each(mutants)('fails a store that %s', async (_, fails, change) => {
    expect(await failures(suiteOf(change), fails)).not.toEqual([]);
  });

  it('leaves out atomic batches where it is told to, and nothing else', () => {
    const whole = suiteOf(() => ({})).map(({ name }) => name);
    const rest = suiteOf(() => ({}), { atomicBatches: false }).map(({ name }) => name);
    const left = whole.filter((name) => !rest.includes(name));
    expect(left).toEqual(['writes nothing of a batch it cannot commit']);
    const misspelt = { atomic: false } as object;
    expect(() => suiteOf(() => ({}), misspelt)).toThrow(ConfigurationError);
  });
});
