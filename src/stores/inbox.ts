import { ConfigurationError } from '../errors.ts';
import { sha256 } from '../json.ts';
import type { Change, EventState, RefusedEvent } from './types.ts';

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
