import type { AuditTrail } from '../audit.ts';

/** An event as it is queued. */
export interface QueuedEvent {
  readonly eventId: string;
  readonly type: string;
  /** The exact body of every attempt. */
  readonly body: string;
}

/** An event that one sender holds, until its claim ends. */
export interface ClaimedEvent extends QueuedEvent {
  /** How many attempts failed. */
  readonly attempts: number;
  /** When the first attempt began, in milliseconds since 1970; `null` before it. */
  readonly firstAttemptAt: number | null;
  /** Tells this claim from the next one of the same event. */
  readonly claim: string;
}

/** Why an event is a dead letter. */
export interface DeadLetterReason {
  /** The receiver refused it, or it could not be delivered within the horizon. */
  readonly kind: 'rejected' | 'expired';
  /** The status of the last answer; `null` where there was none. */
  readonly status: number | null;
  /** The receiver's `code`, or that of the network error. */
  readonly code: string | null;
  /** What the receiver said. */
  readonly message: string | null;
}

/** An event that is not sent any more, until it is redriven. */
export interface DeadLetter {
  readonly eventId: string;
  readonly type: string;
  readonly reason: DeadLetterReason;
  /** How many attempts were made. */
  readonly attempts: number;
  /** In milliseconds since 1970. */
  readonly enqueuedAt: number;
  readonly diedAt: number;
}

/** Which dead letters: all, or those that fit every member. */
export interface DeadLetterFilter {
  readonly eventId?: string;
  readonly type?: string;
  /** The receiver's `code`. */
  readonly code?: string;
}

/** What became of a claimed event. */
export type Settlement =
  | { readonly claimed: ClaimedEvent; readonly outcome: 'delivered' }
  /** Due again; `attempts` and `firstAttemptAt` are those of now. */
  | {
      readonly claimed: ClaimedEvent;
      readonly outcome: 'retry';
      /** Milliseconds since 1970. */
      readonly dueAt: number;
      readonly attempts: number;
      readonly firstAttemptAt: number | null;
    }
  | {
      readonly claimed: ClaimedEvent;
      readonly outcome: 'dead';
      readonly attempts: number;
      readonly reason: DeadLetterReason;
    };

/** How many events an outbox holds. */
export interface OutboxCounts {
  /** To be sent, those that are claimed included. */
  readonly queued: number;
  readonly dead: number;
}

/**
 * Where events wait until they are delivered.
 *
 * An event is **queued** once `enqueue` resolves (or the caller's transaction commits). `claim` hands
 * it to one sender, until its claim ends: by `settle`, or because the time is up, as after a crash. A
 * settlement under a claim that has ended changes nothing. An event that is settled is gone
 * (`delivered`), queued again (`retry`) or a **dead letter** (`dead`) until it is redriven or discarded.
 * Nothing else takes an event out of an outbox.
 *
 * `now` is the sender's clock, in milliseconds since 1970. Every method rejects with a `StorageError`
 * where the storage cannot be reached, and is called again later.
 *
 * @typeParam Transaction - The caller's own transaction, where the outbox can take part in one.
 */
export interface Outbox<Transaction = never> {
  /**
   * Where it is written down who redrove and discarded what. Without it, a sender needs an `audit` of the
   * host's for both.
   */
  readonly audit?: AuditTrail;
  /**
   * Makes an event durable. One that is queued already under the same id with the same body is not
   * queued twice. With a transaction of the caller's it is queued if that commits, and never was if it
   * is rolled back.
   *
   * @throws EventError where the id is queued with another body.
   */
  enqueue(
    event: QueuedEvent,
    options: { readonly now: number; readonly transaction?: Transaction | undefined },
  ): Promise<void>;
  /**
   * Claims up to `limit` events that are due, the longest due first. No two claims of one event are
   * valid at the same time.
   *
   * @param options - `lease`: how long the claim lasts, in milliseconds.
   */
  claim(options: {
    readonly limit: number;
    readonly lease: number;
    readonly now: number;
  }): Promise<readonly ClaimedEvent[]>;
  /** Makes claims last for `lease` from now on; those that have ended stay so. */
  extend(
    claimed: readonly ClaimedEvent[],
    options: { readonly lease: number; readonly now: number },
  ): Promise<void>;
  /**
   * Says what became of claimed events: all of it takes effect, or none. It may be lost when the machine
   * crashes; the events are claimed and sent once more then.
   */
  settle(settlements: readonly Settlement[], options: { readonly now: number }): Promise<void>;
  /** Dead letters, the oldest first. */
  deadLetters(filter?: DeadLetterFilter): AsyncIterable<DeadLetter>;
  /** Queues dead letters again, as if they had never been tried. @returns How many. */
  redrive(filter: DeadLetterFilter, options: { readonly now: number }): Promise<number>;
  /** Removes dead letters for good. @returns How many. */
  discard(filter: DeadLetterFilter): Promise<number>;
  count(): Promise<OutboxCounts>;
  /** Lets go of what the outbox has opened itself. What is queued stays. */
  close(): Promise<void>;
}
