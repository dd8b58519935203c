import type { JsonValue } from './events.ts';

/**
 * The version of a value: UTC timestamp with nine digits, rank, `event_id`, as one text that
 * compares bytewise in that order, such as `2025-01-08T12:00:00.000000000Z/0/evt_123456`.
 */
export type Version = string;

/** Column values, each with the version that wrote it. Both objects have the same keys. */
export interface VersionedValues {
  readonly values: Readonly<Record<string, JsonValue>>;
  readonly versions: Readonly<Record<string, Version>>;
}

/** The tombstone: the time of the deletion, or null. Merged as any other column. */
export const DELETED_AT = 'his_deleted_at';

/**
 * Makes the version of an event.
 *
 * @param occurredAt - UTC with nine digits.
 * @param operation - Created ranks below, deleted above every other operation, because hospital
 *   clocks tick in seconds and the three may carry the same time.
 */
export function versionOf(occurredAt: string, operation: string, eventId: string): Version {
  const rank = operation === 'created' ? 0 : operation === 'deleted' ? 2 : 1;
  return `${occurredAt}/${String(rank)}/${eventId}`;
}

/** Gives all values of one event the event's version. */
export function atVersion(
  values: Readonly<Record<string, JsonValue>>,
  version: Version,
): VersionedValues {
  const versions: Record<string, Version> = {};
  for (const column of Object.keys(values)) versions[column] = version;
  return { values, versions };
}

/**
 * Whether a value of this version replaces what is stored. An equal version is the same event,
 * and replaces: that is how a replay under a mended mapping takes effect.
 */
export function wins(version: Version, stored: Version | undefined): boolean {
  return stored === undefined || version >= stored;
}

/**
 * The last-write-wins rule, per column: each keeps the value with the highest version, so every
 * order and any number of repeats of the same events ends in the same row. This is the model every
 * store must equal.
 *
 * @example
 * ```ts
 * import { mergeChanges } from '@buktor/his-webhook';
 *
 * mergeChanges(
 *   { values: { status: 'open' }, versions: { status: '2025-01-08T12:00:00.000000000Z/0/e1' } },
 *   { values: { status: 'done' }, versions: { status: '2025-01-08T12:00:01.000000000Z/1/e2' } },
 * ).values; // { status: 'done' }
 * ```
 *
 * @param older - What is stored, or an earlier change.
 * @param newer - What came later; at equal versions it is the one that is kept.
 */
export function mergeChanges(older: VersionedValues, newer: VersionedValues): VersionedValues {
  const values = { ...older.values };
  const versions = { ...older.versions };
  for (const column of Object.keys(newer.versions)) {
    const version = newer.versions[column] as Version;
    if (wins(version, Object.hasOwn(versions, column) ? versions[column] : undefined)) {
      values[column] = newer.values[column] as JsonValue;
      versions[column] = version;
    }
  }
  return { values, versions };
}
