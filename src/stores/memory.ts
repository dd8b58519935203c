/**
 * Stores in memory, for tests and trials: a whole one, and the parts of a composed one.
 *
 * @module @buktor/his-webhook/stores/memory
 */

import { MemoryAudit } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { judgeClaim, quarantineQuota } from './inbox.ts';
import { MemoryClaims } from './memory/claims.ts';
import { MemoryInbox } from './memory/inbox.ts';
import { type MemoryRow, MemoryRows } from './memory/rows.ts';
import type {
  Change,
  EventStore,
  IdempotencyStore,
  InboxStore,
  PersistenceStore,
  StoreOptions,
  Verdict,
} from './types.ts';

export type { MemoryAudit, MemoryRow };

/** The store that {@link memoryStore} makes. */
export interface MemoryStore extends EventStore, InboxStore {
  /** The rows of a table, by client and key. */
  rows(table: string): readonly MemoryRow[];
  readonly audit: MemoryAudit;
  /** Lets go of nothing: what it holds stays. */
  close(): Promise<void>;
}

/**
 * A store in memory, for tests and trials: it has every rule of a store but durability.
 *
 * @example
 * ```ts
 * import { memoryStore } from '@buktor/his-webhook/stores/memory';
 *
 * const store = memoryStore();
 * ```
 */
export function memoryStore(options: StoreOptions = {}): MemoryStore {
  checkMembers('memoryStore', options, ['quarantineQuota']);
  const inbox = new MemoryInbox(quarantineQuota(options.quarantineQuota));
  const rows = new MemoryRows();

  function commitOne(change: Change): Verdict {
    const { clientId, eventId, row } = change;
    if (inbox.isOutdated(change)) return 'duplicate';
    const before = inbox.get(clientId, eventId);
    const claim = judgeClaim(before, change);
    if (claim === 'conflict') return 'conflict';
    inbox.settle(change);
    if (claim === 'duplicate') return 'duplicate';
    const applied = row === null || rows.apply(clientId, row);
    inbox.record(change, before);
    return applied ? 'applied' : 'stale';
  }

  return {
    audit: new MemoryAudit(),
    prepare: (tables) =>
      promised(() => {
        rows.prepare(tables);
      }),
    commit: (batch) =>
      promised(() => {
        // Looked at before anything is written: a batch is committed whole or not at all.
        for (const { row } of batch) if (row !== null) rows.check(row.table);
        return batch.map(commitOne);
      }),
    record: (event) =>
      promised(() => {
        inbox.settle(event);
        inbox.record(event, inbox.get(event.clientId, event.eventId));
      }),
    quarantine: (event) => promised(() => inbox.quarantine(event)),
    async *find(filter) {
      yield* await promised(() => inbox.find(filter));
    },
    prune: (policy) => promised(() => inbox.prune(policy)),
    close: () => Promise.resolve(),
    rows: (table) => rows.list(table),
  };
}

/** Options of {@link memoryIdempotency}. */
export interface MemoryIdempotencyOptions {
  /**
   * The clock that leases run by, in milliseconds.
   * @default Date.now
   */
  readonly now?: () => number;
}

/**
 * The claims of a composed store in memory, for tests and trials. Nothing is forgotten.
 *
 * @example
 * ```ts
 * import { memoryIdempotency } from '@buktor/his-webhook/stores/memory';
 *
 * const idempotency = memoryIdempotency();
 * ```
 */
export function memoryIdempotency(options: MemoryIdempotencyOptions = {}): IdempotencyStore {
  checkMembers('memoryIdempotency', options, ['now']);
  const claims = new MemoryClaims(options.now ?? Date.now);
  return {
    claim: (request) => promised(() => claims.claim(request)),
    renew: (claim, lease) => promised(() => claims.renew(claim, lease)),
    complete: (claim) => promised(() => claims.complete(claim)),
    release: (claim) => promised(() => claims.release(claim)),
    close: () => Promise.resolve(),
  };
}

/** The store that {@link memoryPersistence} makes. */
export interface MemoryPersistence extends PersistenceStore {
  /** The rows of a table, by client and key. */
  rows(table: string): readonly MemoryRow[];
}

/**
 * The rows of a composed store in memory, for tests and trials.
 *
 * @example
 * ```ts
 * import { memoryPersistence } from '@buktor/his-webhook/stores/memory';
 *
 * const persistence = memoryPersistence();
 * ```
 */
export function memoryPersistence(): MemoryPersistence {
  const rows = new MemoryRows();
  return {
    prepare: (tables) =>
      promised(() => {
        rows.prepare(tables);
      }),
    apply: ({ clientId, row }) => promised(() => (rows.apply(clientId, row) ? 'applied' : 'stale')),
    close: () => Promise.resolve(),
    rows: (table) => rows.list(table),
  };
}

/** Does something at once, and turns what it throws into a rejection. */
function promised<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
