import type { AuditTrail } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError, StorageError } from '../errors.ts';
import { mapBatch } from './compose/batch.ts';
import { Lease } from './compose/lease.ts';
import type {
  Change,
  Claim,
  EventFilter,
  EventStore,
  IdempotencyStore,
  InboxStore,
  PersistenceStore,
  RowChange,
  StoredEvent,
  Verdict,
} from './types.ts';

/** Options of {@link composeStores}. */
export interface ComposedStoreOptions {
  /** Who may process an event. */
  readonly idempotency: IdempotencyStore;
  /** Where the rows are. */
  readonly persistence: PersistenceStore;
  /** Where events are recorded, and quarantine is. */
  readonly inbox: InboxStore;
  /**
   * How long a claim outlives a crash, in milliseconds. It is renewed while work goes on, so it need
   * not be as long as the work.
   * @default 30_000
   */
  readonly lease?: number;
}

/**
 * One store out of three: claims, rows and the record of events, each where you want it.
 *
 * Each event is claimed, its row changed, the event recorded, and the claim completed, in that order.
 * The three have no transaction in common, so this is **at least once, with an idempotent effect**:
 *
 * - Guaranteed: an event that was acknowledged is in its row, in the inbox, and completed. Every
 *   order, any number of repeats, and a crash at any point lead to the same rows.
 * - An event whose processing broke off (a crash, an error, a lost claim) may be in its row, or in
 *   the inbox too, though it was not acknowledged. It is processed again when it is sent again: after
 *   a crash not before the lease has ended, and until then the verdict is `in_progress`.
 * - `commit` is not atomic: where it rejects, a part of the batch may have been committed. The sender
 *   sends all of it again, what was committed is a `duplicate`, and the rows come out the same.
 * - Not guaranteed: that `attempts` of an entry counts what broke off once only; that a body refused
 *   at the very moment another event of its `event_id` is being committed keeps its place in
 *   quarantine; the order of two replays of one event under different mappings that overlap.
 * - `duplicate` and `conflict` are told for as long as the claims remember an event; after that it is
 *   processed as new.
 * - Durable is what the three parts make durable. Where the claims are lost (a failover of Redis),
 *   events are processed again; where they are kept longer than the rows, an event that is sent again
 *   is a `duplicate` although its row is gone. Restore rows and claims together, or drop the claims.
 *
 * `sqliteStore` has none of these limits: it claims the event and changes the row in one transaction.
 *
 * @example
 * ```ts
 * import { composeStores } from '@buktor/his-webhook';
 * import { memoryIdempotency, memoryPersistence, memoryStore } from '@buktor/his-webhook/stores/memory';
 *
 * const store = composeStores({
 *   idempotency: memoryIdempotency(),
 *   persistence: memoryPersistence(),
 *   inbox: memoryStore(),
 * });
 * ```
 *
 * @throws ConfigurationError where a part lacks a method, or for a bad lease.
 */
export function composeStores(options: ComposedStoreOptions): EventStore {
  return new ComposedStore(options);
}

const PARTS: Readonly<Record<'idempotency' | 'persistence' | 'inbox', readonly string[]>> = {
  idempotency: ['claim', 'renew', 'complete', 'release', 'close'],
  persistence: ['prepare', 'apply', 'close'],
  inbox: ['record', 'quarantine', 'find', 'prune', 'close'],
};

/** The longest delay a timer takes. */
const LONGEST_LEASE = 2 ** 31 - 1;

function checkOptions(options: ComposedStoreOptions): Required<ComposedStoreOptions> {
  checkMembers('composeStores', options, [...Object.keys(PARTS), 'lease']);
  for (const [name, methods] of Object.entries(PARTS)) {
    const part: unknown = options[name as keyof typeof PARTS];
    for (const method of methods) {
      if (typeof (part as Record<string, unknown> | undefined)?.[method] !== 'function') {
        throw new ConfigurationError(`composeStores: ${name} has no method ${method}.`);
      }
    }
  }
  const { lease = 30_000 } = options;
  if (!Number.isSafeInteger(lease) || lease < 1 || lease > LONGEST_LEASE) {
    throw new ConfigurationError(
      `lease must be a whole number of milliseconds, 1 to ${String(LONGEST_LEASE)}.`,
    );
  }
  return { ...options, lease };
}

class ComposedStore implements EventStore {
  readonly #idempotency: IdempotencyStore;
  readonly #persistence: PersistenceStore;
  readonly #inbox: InboxStore;
  readonly #lease: number;
  readonly #inWork = new Set<Promise<unknown>>();
  readonly audit?: AuditTrail;
  readonly prepare: EventStore['prepare'];
  readonly quarantine: EventStore['quarantine'];
  readonly find: EventStore['find'];
  readonly prune: EventStore['prune'];

  constructor(options: ComposedStoreOptions) {
    const { idempotency, persistence, inbox, lease } = checkOptions(options);
    this.#idempotency = idempotency;
    this.#persistence = persistence;
    this.#inbox = inbox;
    this.#lease = lease;
    if (inbox.audit !== undefined) this.audit = inbox.audit;
    this.prepare = (tables) => persistence.prepare(tables);
    this.quarantine = (event) => inbox.quarantine(event);
    this.find = (filter) => inbox.find(filter);
    this.prune = (policy) => inbox.prune(policy);
  }

  commit(
    batch: readonly Change[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly Verdict[]> {
    const work = mapBatch(batch, (change) => this.#commitOne(change, signal));
    this.#inWork.add(work);
    const done = (): void => {
      this.#inWork.delete(work);
    };
    work.then(done, done);
    return work;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#inWork);
    // One object may be several parts.
    const parts = new Set([this.#idempotency, this.#persistence, this.#inbox]);
    const ends = await Promise.allSettled([...parts].map(async (part) => part.close()));
    const failure = ends.find((end) => end.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  async #commitOne(change: Change, signal: AbortSignal | undefined): Promise<Verdict> {
    if (signal?.aborted === true) throw new StorageError('The deadline passed.');
    const { clientId, eventId, digest, force = false } = change;
    const request = { clientId, eventId, digest, lease: this.#lease, force };
    const result = await this.#idempotency.claim(request);
    if (result.status === 'duplicate') await this.#settle(change);
    if (result.status !== 'claimed') return result.status;
    const lease = new Lease(this.#idempotency, result.claim, this.#lease, signal);
    try {
      return await this.#process(change, result.claim, lease);
    } catch (error) {
      // What was aborted because the claim was lost is no fault: somebody else may have it.
      if (lease.isLost) return 'in_progress';
      await this.#release(result.claim);
      throw error;
    } finally {
      lease.stop();
    }
  }

  async #process(change: Change, claim: Claim, lease: Lease): Promise<Verdict> {
    if (await this.#isOutdated(change)) {
      await this.#release(claim);
      return 'duplicate';
    }
    if (lease.signal.aborted) throw new StorageError('The deadline passed.');
    const verdict = hasRow(change)
      ? await this.#persistence.apply(change, { signal: lease.signal })
      : 'applied';
    if (typeof verdict === 'object') {
      await this.#release(claim);
      return verdict;
    }
    if (lease.isLost) return 'in_progress';
    // Before the claim is completed: a crash in between must not leave an event without its record.
    await this.#inbox.record(change);
    return (await this.#idempotency.complete(claim)) ? verdict : 'in_progress';
  }

  /** Where it fails, the claim ends with its lease; what went before counts more than that. */
  async #release(claim: Claim): Promise<void> {
    try {
      await this.#idempotency.release(claim);
    } catch {
      // See above.
    }
  }

  /** Whether what is being replayed was replaced or settled since it was read. */
  async #isOutdated({ clientId, replayOf }: Change): Promise<boolean> {
    if (replayOf === undefined) return false;
    const entry = await this.#entry({ clientId, eventId: replayOf.key });
    return entry?.attempts !== replayOf.attempts;
  }

  /**
   * Drops the quarantine entry a replay began with, where its event turns out to be processed: it
   * would be replayed for ever. Recording the event anew drops it, and must not change its state.
   */
  async #settle(change: Change): Promise<void> {
    const { clientId, eventId, replayOf, row } = change;
    if (replayOf === undefined || replayOf.key === eventId) return;
    if (await this.#isOutdated(change)) return;
    const entry = await this.#entry({ clientId, eventId });
    const state = row === null ? 'declined' : 'applied';
    if (entry?.state === state) await this.#inbox.record(change);
  }

  async #entry(filter: EventFilter): Promise<StoredEvent | undefined> {
    for await (const entry of this.#inbox.find(filter)) return entry;
    return undefined;
  }
}

function hasRow(change: Change): change is Change & { readonly row: RowChange } {
  return change.row !== null;
}
