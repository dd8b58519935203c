/**
 * What a store is to the receiver.
 *
 * - **Inbox**: the record of every authentic event, one entry per client and `event_id`.
 * - **Claim**: the entry of an event that was applied or declined. A later delivery of the same
 *   `event_id` is a duplicate of it, or, with other content, a conflict.
 * - **Quarantine**: the entries of events that were refused, kept with their reason. They hold no
 *   claim.
 * - **Row**: what Buktor's table has for a client and key, each column with its version.
 */
import type { AuditTrail } from '../audit.ts';
import type { JsonValue } from '../events.ts';
import type { TableSpec } from '../mapping/tables.ts';
import type { Version } from '../merge.ts';

/** Whether the body of an event is the envelope or the flat form of the document's cURL. */
export type BodyForm = 'envelope' | 'shorthand';

/** What an event does to one row. */
export interface RowChange {
  readonly table: string;
  /** The key columns, as text. */
  readonly key: Readonly<Record<string, string>>;
  /** The columns the event carries, `his_deleted_at` among them where it was created or deleted. */
  readonly values: Readonly<Record<string, JsonValue>>;
  /** One version for all of them. */
  readonly version: Version;
}

/** One event to commit: its claim, and its row. */
export interface Change {
  readonly clientId: string;
  readonly eventId: string;
  readonly type: string;
  /** When it happened: UTC with nine digits. */
  readonly occurredAt: string;
  /** When it arrived: UTC with milliseconds. */
  readonly receivedAt: string;
  /** SHA-256 of the canonical `{ type, data }`, in hex. */
  readonly digest: string;
  /** The exact bytes that arrived, or `null` where the host keeps none. */
  readonly body: Uint8Array | null;
  readonly form: BodyForm;
  /** The version of the mapping set that made `row`. */
  readonly mappingVersion: string;
  /** `null` where the client's mapping declines the type: the event is claimed and changes nothing. */
  readonly row: RowChange | null;
  /**
   * The event is applied again although it was before (replay under a mended mapping).
   * @default false
   */
  readonly force?: boolean;
  /** What this is a replay of. */
  readonly replayOf?: ReplayedEntry;
}

/**
 * The entry of the inbox a replay began with. Where it has changed since, a newer delivery came
 * first: nothing is written, and the verdict is `duplicate`. Once the replay is committed, a
 * quarantine entry under another key than the event's own is dropped.
 */
export interface ReplayedEntry {
  /** Its {@link StoredEvent.eventId}. */
  readonly key: string;
  /** Its {@link StoredEvent.attempts}, which every change of it counts. */
  readonly attempts: number;
}

/**
 * What became of a change.
 *
 * - `applied`: committed, and at least one column was written (or the event was declined).
 * - `stale`: committed, and every column already had a newer value.
 * - `duplicate`: the same event was committed before; nothing was written.
 * - `conflict`: the `event_id` was committed before with other content; nothing was written.
 * - `in_progress`: the same `event_id` is in work elsewhere, and how that ends is not known yet;
 *   nothing was written. Only composed stores say so.
 * - `rejected`: the table refuses the row; nothing was written. The text holds no value.
 */
export type Verdict = 'duplicate' | 'conflict' | 'in_progress' | ApplyVerdict;

/** What became of a change that nobody else has made or is making. */
export type ApplyVerdict =
  'applied' | 'stale' | { readonly rejected: string; readonly column?: string };

/** An authentic body that was refused. */
export interface RefusedEvent {
  readonly clientId: string;
  /** `null` where the body has no valid one. */
  readonly eventId: string | null;
  readonly type: string | null;
  readonly occurredAt: string | null;
  readonly receivedAt: string;
  /** As in {@link Change}; `null` where the body was no valid envelope. */
  readonly digest: string | null;
  readonly body: Uint8Array;
  readonly form: BodyForm;
  readonly mappingVersion: string | null;
  /** The `code` of the answer. */
  readonly code: string;
  /** What was wrong, without any value out of `data`. */
  readonly reason: string;
  /** What this is a replay of. */
  readonly replayOf?: ReplayedEntry;
}

/** What became of a refused event. */
export type QuarantineVerdict = 'quarantined' | 'duplicate' | 'over_quota';

/** `applied` and `declined` hold a claim, `quarantined` does not. */
export type EventState = 'applied' | 'declined' | 'quarantined';

/** An entry of the inbox. */
export interface StoredEvent {
  readonly clientId: string;
  /** The `event_id`; for a refused body that has none of its own to use, `body ` and its SHA-256. */
  readonly eventId: string;
  readonly type: string | null;
  readonly occurredAt: string | null;
  readonly receivedAt: string;
  readonly state: EventState;
  readonly code: string | null;
  readonly reason: string | null;
  readonly digest: string | null;
  /** `null` once it was erased. */
  readonly body: Uint8Array | null;
  readonly form: BodyForm;
  readonly mappingVersion: string | null;
  /** How many times it was committed or refused. */
  readonly attempts: number;
}

/** Which entries of the inbox; all members that are given must hold. */
export interface EventFilter {
  readonly clientId?: string;
  readonly eventId?: string;
  readonly type?: string;
  readonly state?: EventState;
  readonly code?: string;
  /** Received at this moment or later. */
  readonly receivedFrom?: Date;
  /** Received before this moment. */
  readonly receivedBefore?: Date;
}

/** The record of events. */
export interface Inbox {
  /**
   * Where it is written down who replayed and revealed what. Without it, a receiver needs an `audit` of the
   * host's for both.
   */
  readonly audit?: AuditTrail;
  /**
   * Keeps a refused event, keyed by client and `event_id`; where it has none, or that one is
   * claimed by other content, by the SHA-256 of its body. An entry in quarantine is replaced.
   *
   * @returns `duplicate` where the same content was applied before (nothing is kept, nothing is
   *   downgraded), `over_quota` where the client's quarantine is full (nothing is kept).
   */
  quarantine(event: RefusedEvent): Promise<QuarantineVerdict>;
  /** The entries that match, by client and id. Entries may change while they are being read. */
  find(filter: EventFilter): AsyncIterable<StoredEvent>;
  /**
   * Erases bodies, and forgets entries, received before a moment. Quarantine is never pruned.
   * A pruned event that is sent again wins no column, so forgetting is safe.
   */
  prune(policy: {
    readonly bodiesBefore?: Date;
    readonly keysBefore?: Date;
  }): Promise<{ readonly bodies: number; readonly keys: number }>;
}

/** Claims events and changes rows, both or neither. The receiver knows no other interface. */
export interface EventStore extends Inbox {
  /**
   * How many batches it can commit at the same time, in any order.
   * @default 1
   */
  readonly concurrency?: number;
  /**
   * Checks (or creates) the tables. Called before the first commit, and whenever a mapping brings
   * tables or columns that were not there; calls add up.
   *
   * @throws SchemaError where the database does not fit, StorageError where it cannot be asked.
   */
  prepare(tables: readonly TableSpec[]): Promise<void>;
  /**
   * Commits a batch, in order. Once it resolves, everything it says is durable; if it rejects,
   * the caller knows nothing and sends the same batch again.
   *
   * @returns One verdict per change.
   */
  commit(
    batch: readonly Change[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly Verdict[]>;
  /** Finishes what is in work and lets go of the database. */
  close(): Promise<void>;
}

/**
 * An inbox that is written by itself: what a composed store keeps its record in. Every store of
 * this package is one.
 */
export interface InboxStore extends Inbox {
  /**
   * Writes down an event that was applied or declined (`row` is `null`), over whatever stands under
   * its id, and drops the quarantine entry a replay began with. It changes no row of Buktor's.
   */
  record(event: Change): Promise<void>;
  /** Lets go of the database. */
  close(): Promise<void>;
}

/** Which event is claimed. */
export interface ClaimRequest {
  readonly clientId: string;
  readonly eventId: string;
  /** SHA-256 of the canonical `{ type, data }`, in hex. */
  readonly digest: string;
  /** How long the claim holds unless it is renewed, in milliseconds. */
  readonly lease: number;
  /**
   * An event that was completed with the same content is claimed again.
   * @default false
   */
  readonly force?: boolean;
}

/** A claim that is held. */
export interface Claim {
  readonly clientId: string;
  readonly eventId: string;
  /** Of this claim and no other: whoever claims the event after the lease has another. */
  readonly token: string;
}

/**
 * What became of a claim.
 *
 * - `claimed`: it is held until `complete`, `release`, or the end of the lease.
 * - `in_progress`: somebody else holds it, whatever the content.
 * - `duplicate`: the event was completed with the same content.
 * - `conflict`: the event was completed with other content.
 */
export type ClaimResult =
  | { readonly status: 'claimed'; readonly claim: Claim }
  | { readonly status: 'in_progress' | 'duplicate' | 'conflict' };

/**
 * Who may process an event, for those who keep that apart from the rows. Every method is atomic.
 * One part of a composed store.
 */
export interface IdempotencyStore {
  claim(request: ClaimRequest): Promise<ClaimResult>;
  /** Makes the lease last this long from now, in milliseconds; `false` where it is not held any more. */
  renew(claim: Claim, lease: number): Promise<boolean>;
  /** Remembers the event as processed; `false`, and nothing happens, where it is not held any more. */
  complete(claim: Claim): Promise<boolean>;
  /**
   * Gives the claim up, so that the event can be claimed anew (or, if it was claimed by force, stays
   * completed); `false`, and nothing happens, where it is not held any more.
   */
  release(claim: Claim): Promise<boolean>;
  /** Lets go of the connection. */
  close(): Promise<void>;
}

/** Changes rows, for those who keep that apart from the claims. One part of a composed store. */
export interface PersistenceStore {
  /** As {@link EventStore.prepare}. */
  prepare(tables: readonly TableSpec[]): Promise<void>;
  /**
   * Merges a change into its row, column by column, as `mergeChanges` does. A crash may lead to the
   * same change again, or to several at once; the rows must come out the same. Once it resolves, the
   * change is durable.
   */
  apply(
    change: Change & { readonly row: RowChange },
    options?: { readonly signal?: AbortSignal },
  ): Promise<ApplyVerdict>;
  /** Finishes what is in work and lets go of the database. */
  close(): Promise<void>;
}

/** Options every store of this package takes. */
export interface StoreOptions {
  /**
   * How many refused events are kept per client; beyond that the answer is 503, so that the
   * sender keeps the event.
   * @default 10_000
   */
  readonly quarantineQuota?: number;
}
