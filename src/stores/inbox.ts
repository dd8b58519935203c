import { ConfigurationError } from '../errors.ts';
import { sha256 } from '../json.ts';
import type { Change, EventFilter, EventState, RefusedEvent, StoredEvent } from './types.ts';

/** What a store must know of an entry to judge a delivery by it. */
export interface Entry {
  readonly state: EventState;
  readonly digest: string | null;
  readonly attempts: number;
}

/** How many refused events a client may have by default. */
export const QUARANTINE_QUOTA = 10_000;

/** Checks the quota a store was given. */
export function quarantineQuota(quota: number = QUARANTINE_QUOTA): number {
  if (!Number.isSafeInteger(quota) || quota < 0) {
    throw new ConfigurationError('quarantineQuota must be a whole number, 0 or more.');
  }
  return quota;
}

/** Whether a change is news to the inbox. An entry in quarantine holds no claim. */
export function judgeClaim(
  entry: Entry | undefined,
  change: Change,
): 'fresh' | 'duplicate' | 'conflict' {
  if (entry === undefined || entry.state === 'quarantined') return 'fresh';
  if (entry.digest !== change.digest) return 'conflict';
  return change.force === true ? 'fresh' : 'duplicate';
}

/**
 * Where a refused event is kept: under its `event_id`, unless that is claimed by other content;
 * `duplicate` where it is claimed by the same.
 *
 * @param entry - What the inbox has under the event's id.
 */
export function quarantineKey(
  entry: Entry | undefined,
  event: RefusedEvent,
): { readonly key: string } | 'duplicate' {
  const claimed = entry !== undefined && entry.state !== 'quarantined';
  if (claimed && event.digest !== null && entry.digest === event.digest) return 'duplicate';
  // No event_id has a space, so no sender can take this key.
  const key = event.eventId === null || claimed ? `body ${sha256(event.body)}` : event.eventId;
  return { key };
}

/** Columns of his_events but `attempts`, which counts by itself. */
export const INBOX_COLUMNS = [
  'client_id',
  'event_id',
  'type',
  'occurred_at',
  'received_at',
  'state',
  'code',
  'reason',
  'digest',
  'body',
  'form',
  'mapping_version',
] as const;

/** The values of {@link INBOX_COLUMNS}. */
export function cellsOf(entry: Omit<StoredEvent, 'attempts'>): (string | Uint8Array | null)[] {
  return [
    entry.clientId,
    entry.eventId,
    entry.type,
    entry.occurredAt,
    entry.receivedAt,
    entry.state,
    entry.code,
    entry.reason,
    entry.digest,
    entry.body,
    entry.form,
    entry.mappingVersion,
  ];
}

/** A row of his_events, as a driver gives it. */
export type InboxRow = Readonly<
  Record<(typeof INBOX_COLUMNS)[number], string> & { attempts: string | number | bigint }
>;

/** The entry that a row of his_events is. */
export function toStoredEvent(row: InboxRow): StoredEvent {
  return {
    clientId: row.client_id,
    eventId: row.event_id,
    type: row.type,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    state: row.state as EventState,
    code: row.code,
    reason: row.reason,
    digest: row.digest,
    body: row.body as unknown as Uint8Array | null,
    form: row.form as StoredEvent['form'],
    mappingVersion: row.mapping_version,
    attempts: Number(row.attempts),
  };
}

/** The conditions of a filter: a column with its comparison, and the value it is compared with. */
export function conditionsOf(
  filter: EventFilter,
): readonly { readonly sql: string; readonly value: string }[] {
  const conditions: readonly [string, string | undefined][] = [
    ['client_id =', filter.clientId],
    ['event_id =', filter.eventId],
    ['type =', filter.type],
    ['state =', filter.state],
    ['code =', filter.code],
    ['received_at >=', filter.receivedFrom?.toISOString()],
    ['received_at <', filter.receivedBefore?.toISOString()],
  ];
  return conditions.flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]));
}
