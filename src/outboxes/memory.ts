/**
 * An outbox in memory, for tests and trials.
 *
 * @module @buktor/his-webhook/outboxes/memory
 */

import { randomUUID } from 'node:crypto';
import { MemoryAudit } from '../audit.ts';
import { ConfigurationError, EventError } from '../errors.ts';
import type {
  ClaimedEvent,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterReason,
  Outbox,
  QueuedEvent,
} from '../sender/outbox.ts';

export type { MemoryAudit };

interface Entry {
  readonly event: QueuedEvent;
  readonly enqueuedAt: number;
  /** While it is claimed, when the claim ends. */
  dueAt: number;
  attempts: number;
  firstAttemptAt: number | null;
  claim: string | null;
  dead: { readonly reason: DeadLetterReason; readonly diedAt: number } | null;
}

/** A place in the queue; of no account where the entry is due at another time by now. */
interface Turn {
  readonly dueAt: number;
  readonly entry: Entry;
}

/** The outbox that {@link memoryOutbox} makes. */
export interface MemoryOutbox extends Outbox {
  readonly audit: MemoryAudit;
}

/**
 * An outbox in memory, for tests and trials: it has every rule of an outbox but durability.
 *
 * @example
 * ```ts
 * import { memoryOutbox } from '@buktor/his-webhook/outboxes/memory';
 *
 * const outbox = memoryOutbox();
 * ```
 */
export function memoryOutbox(): MemoryOutbox {
  return new InMemory();
}

class InMemory implements MemoryOutbox {
  readonly audit: MemoryAudit = new MemoryAudit();
  readonly #entries = new Map<string, Entry>();
  /** Sorted by time. */
  readonly #turns: Turn[] = [];

  async enqueue(
    event: QueuedEvent,
    { now, transaction }: { readonly now: number; readonly transaction?: unknown },
  ): Promise<void> {
    if (transaction !== undefined) {
      throw new ConfigurationError('memoryOutbox takes part in no transaction.');
    }
    const known = this.#entries.get(event.eventId);
    if (known?.dead === null) {
      if (known.event.body === event.body) return;
      throw new EventError([{ path: '/event_id', message: 'is queued with another body' }]);
    }
    this.#queue(event, now);
    await Promise.resolve();
  }

  async claim(options: {
    readonly limit: number;
    readonly lease: number;
    readonly now: number;
  }): Promise<readonly ClaimedEvent[]> {
    const { limit, lease, now } = options;
    const claimed: ClaimedEvent[] = [];
    while (claimed.length < limit && (this.#turns[0]?.dueAt ?? Infinity) <= now) {
      const { entry, dueAt } = this.#turns.shift() as Turn;
      if (entry.dueAt !== dueAt || !this.#isQueued(entry)) continue;
      entry.claim = randomUUID();
      this.#wait(entry, now + lease);
      const { event, attempts, firstAttemptAt, claim } = entry;
      claimed.push({ ...event, attempts, firstAttemptAt, claim });
    }
    return Promise.resolve(claimed);
  }

  async extend(
    claimed: readonly ClaimedEvent[],
    { lease, now }: { readonly lease: number; readonly now: number },
  ): Promise<void> {
    for (const event of claimed) {
      const entry = this.#claimedBy(event);
      if (entry !== undefined) this.#wait(entry, now + lease);
    }
    await Promise.resolve();
  }

  async settle(...[settlements, { now }]: Parameters<Outbox['settle']>): Promise<void> {
    for (const settlement of settlements) {
      const entry = this.#claimedBy(settlement.claimed);
      if (entry === undefined) continue;
      if (settlement.outcome === 'delivered') {
        this.#entries.delete(entry.event.eventId);
        continue;
      }
      entry.claim = null;
      entry.attempts = settlement.attempts;
      if (settlement.outcome === 'dead') {
        entry.dead = { reason: settlement.reason, diedAt: now };
      } else {
        entry.firstAttemptAt = settlement.firstAttemptAt;
        this.#wait(entry, settlement.dueAt);
      }
    }
    await Promise.resolve();
  }

  async *deadLetters(filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> {
    for (const { event, enqueuedAt, attempts, dead } of await Promise.resolve(this.#dead(filter))) {
      const { eventId, type } = event;
      if (dead !== null) yield { eventId, type, enqueuedAt, attempts, ...dead };
    }
  }

  async redrive(filter: DeadLetterFilter, { now }: { readonly now: number }): Promise<number> {
    const dead = this.#dead(filter);
    for (const { event } of dead) this.#queue(event, now);
    return Promise.resolve(dead.length);
  }

  async discard(filter: DeadLetterFilter): Promise<number> {
    const dead = this.#dead(filter);
    for (const { event } of dead) this.#entries.delete(event.eventId);
    return Promise.resolve(dead.length);
  }

  async count(): Promise<{ readonly queued: number; readonly dead: number }> {
    const dead = this.#dead({}).length;
    return Promise.resolve({ queued: this.#entries.size - dead, dead });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #queue(event: QueuedEvent, now: number): void {
    const entry: Entry = {
      event,
      enqueuedAt: now,
      dueAt: now,
      attempts: 0,
      firstAttemptAt: null,
      claim: null,
      dead: null,
    };
    this.#entries.delete(event.eventId);
    this.#entries.set(event.eventId, entry);
    this.#wait(entry, now);
  }

  /** Gives an entry its turn, after those that are due at the same time. */
  #wait(entry: Entry, dueAt: number): void {
    entry.dueAt = dueAt;
    let low = 0;
    let high = this.#turns.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#turns[middle] as Turn).dueAt <= dueAt) low = middle + 1;
      else high = middle;
    }
    this.#turns.splice(low, 0, { dueAt, entry });
  }

  #isQueued(entry: Entry): boolean {
    return entry.dead === null && this.#entries.get(entry.event.eventId) === entry;
  }

  #claimedBy({ eventId, claim }: ClaimedEvent): Entry | undefined {
    const entry = this.#entries.get(eventId);
    return entry?.claim === claim ? entry : undefined;
  }

  #dead({ eventId, type, code }: DeadLetterFilter): Entry[] {
    return [...this.#entries.values()].filter(
      ({ event, dead }) =>
        dead !== null &&
        (eventId === undefined || event.eventId === eventId) &&
        (type === undefined || event.type === type) &&
        (code === undefined || dead.reason.code === code),
    );
  }
}
