import type { JsonObject } from '../events.ts';
import { contentDigest } from '../json.ts';
import type { TableSpec } from '../mapping/tables.ts';
import { DELETED_AT, versionOf } from '../merge.ts';
import type { Change, RefusedEvent, ReplayedEntry, RowChange } from '../stores/types.ts';
import { parseTimestamp } from '../timestamp.ts';

/** The table the changes below write to. */
export const APPOINTMENT: TableSpec = {
  table: 'appointment',
  key: ['id'],
  columns: ['status', 'room', 'note'],
};

/** What a test says of an event; the rest has defaults. */
export interface ChangeSpec {
  readonly id: string;
  readonly client?: string;
  readonly operation?: string;
  readonly at?: string;
  readonly key?: string;
  readonly values?: JsonObject;
  readonly content?: JsonObject;
  readonly force?: boolean;
  readonly replayOf?: ReplayedEntry;
}

/** The change an event makes, as the receiver builds it. */
export function changeOf(spec: ChangeSpec): Change {
  const { id, client = '1001', operation = 'updated', at = '2025-01-08T12:00:00Z' } = spec;
  const { key = 'A1', values = {}, force, replayOf } = spec;
  const occurredAt = parseTimestamp(at)!.utc;
  const type = `appointment.${operation}`;
  const tombstone =
    operation === 'created'
      ? { [DELETED_AT]: null }
      : operation === 'deleted'
        ? { [DELETED_AT]: occurredAt }
        : {};
  return {
    clientId: client,
    eventId: id,
    type,
    occurredAt,
    receivedAt: '2026-01-01T00:00:00.000Z',
    digest: contentDigest(type, spec.content ?? { key, ...values }),
    body: Buffer.from(`body of ${id}`),
    form: 'envelope',
    mappingVersion: 'v1',
    row: {
      table: 'appointment',
      key: { id: key },
      values: { ...values, ...tombstone },
      version: versionOf(occurredAt, operation, id),
    },
    ...(force === undefined ? {} : { force }),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

/** A change that has a row. */
export type ChangeWithRow = Change & { readonly row: RowChange };

/** As {@link changeOf}, for those who look at the row. */
export function rowChangeOf(spec: ChangeSpec): ChangeWithRow {
  return changeOf(spec) as ChangeWithRow;
}

/** A refused event, as the receiver builds it. */
export function refusalOf(
  change: Change,
  overrides: Partial<RefusedEvent> = {},
): RefusedEvent & { readonly body: Uint8Array } {
  const { clientId, eventId, type, occurredAt, receivedAt, digest, form } = change;
  return {
    clientId,
    eventId,
    type,
    occurredAt,
    receivedAt,
    digest,
    form,
    body: Buffer.from(`body of ${eventId}`),
    mappingVersion: null,
    code: 'mapping_not_found',
    reason: 'No mapping found.',
    ...overrides,
  };
}

/** Every order of a list. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [
      item,
      ...rest,
    ]),
  );
}
