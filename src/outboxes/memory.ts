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
import { ById } from './memory/by-id.ts';
import { DueQueue, type Waiting } from './memory/due-queue.ts';

export type { MemoryAudit };

/** While it is claimed, it is due when the claim ends. */
interface Entry extends Waiting {
  readonly event: QueuedEvent;
  readonly enqueuedAt: number;
  attempts: number;
  firstAttemptAt: number | null;
  claim: string | null;
  dead: { readonly reason: DeadLetterReason; readonly diedAt: number } | null;
}

type Dead = Entry & { readonly dead: object };

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
  readonly #entries = new ById<Entry>();
  /** All but dead letters. */
  readonly #due = new DueQueue<Entry>();

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
    while (claimed.length < limit) {
      const entry = this.#due.first;
      if (entry === undefined || entry.dueAt > now) break;
      entry.claim = randomUUID();
      this.#due.put(entry, now + lease);
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
      if (entry !== undefined) this.#due.put(entry, now + lease);
    }
    await Promise.resolve();
  }

  async settle(...[settlements, { now }]: Parameters<Outbox['settle']>): Promise<void> {
    for (const settlement of settlements) {
      const entry = this.#claimedBy(settlement.claimed);
      if (entry === undefined) continue;
      if (settlement.outcome === 'delivered') {
        this.#remove(entry);
        continue;
      }
      entry.claim = null;
      entry.attempts = settlement.attempts;
      if (settlement.outcome === 'dead') {
        entry.dead = { reason: settlement.reason, diedAt: now };
        this.#due.delete(entry);
      } else {
        entry.firstAttemptAt = settlement.firstAttemptAt;
        this.#due.put(entry, settlement.dueAt);
      }
    }
    await Promise.resolve();
  }

  async *deadLetters(filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> {
    for (const { event, enqueuedAt, attempts, dead } of await Promise.resolve(this.#dead(filter))) {
      const { eventId, type } = event;
      yield { eventId, type, enqueuedAt, attempts, ...dead };
    }
  }

  async redrive(filter: DeadLetterFilter, { now }: { readonly now: number }): Promise<number> {
    const dead = this.#dead(filter);
    for (const { event } of dead) this.#queue(event, now);
    return Promise.resolve(dead.length);
  }

  async discard(filter: DeadLetterFilter): Promise<number> {
    const dead = this.#dead(filter);
    for (const entry of dead) this.#remove(entry);
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
      turn: 0,
      place: -1,
      attempts: 0,
      firstAttemptAt: null,
      claim: null,
      dead: null,
    };
    // A dead letter of the same id.
    this.#entries.delete(event.eventId);
    this.#entries.add(event.eventId, entry);
    this.#due.put(entry, now);
  }

  #remove(entry: Entry): void {
    this.#due.delete(entry);
    this.#entries.delete(entry.event.eventId);
  }

  #claimedBy({ eventId, claim }: ClaimedEvent): Entry | undefined {
    const entry = this.#entries.get(eventId);
    return entry?.claim === claim ? entry : undefined;
  }

  /** The oldest first. */
  #dead({ eventId, type, code }: DeadLetterFilter): Dead[] {
    return [...this.#entries]
      .filter(
        (entry): entry is Dead =>
          entry.dead !== null &&
          (eventId === undefined || entry.event.eventId === eventId) &&
          (type === undefined || entry.event.type === type) &&
          (code === undefined || entry.dead.reason.code === code),
      )
      .sort((a, b) => a.dead.diedAt - b.dead.diedAt || a.turn - b.turn);
  }
}
