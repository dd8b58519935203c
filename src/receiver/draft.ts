import { eventIdOf, expandShorthand, isShorthand, readEnvelope } from '../envelope.ts';
import { type Envelope, type JsonValue, operationOf } from '../events.ts';
import type { Fault } from '../errors.ts';
import { contentDigest } from '../json.ts';
import type { CompiledMapping } from '../mapping/types.ts';
import { transformFields } from '../mapping/transform.ts';
import { DELETED_AT, versionOf } from '../merge.ts';
import type { BodyForm, Change, ReplayedEntry, RowChange } from '../stores/types.ts';
import type { Timestamp } from '../timestamp.ts';
import type { Settings } from './options.ts';
import type { Refusal } from './responses.ts';

/** An authentic body: its sender is known, and its signature holds (or need not). */
export interface Delivery {
  readonly clientId: string;
  readonly body: Uint8Array;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** The flat form of the document's cURL is understood. */
  readonly allowShorthand: boolean;
  /** Apply again what was applied before. */
  readonly force?: boolean;
  /** What this is a replay of. */
  readonly replayOf?: ReplayedEntry;
}

/** What the steps have found out about a delivery so far. */
export interface Draft {
  readonly delivery: Delivery;
  readonly form: BodyForm;
  readonly eventId: string | null;
  readonly event?: Envelope;
  readonly occurredAt?: Timestamp;
  readonly digest?: string;
  /** Once a mapping was found. */
  mappingVersion?: string;
}

/** What an event comes down to. */
export interface MappedRow {
  readonly row: RowChange | null;
  readonly warnings: readonly Fault[];
}

export const NONE: readonly Fault[] = [];
/** What an event comes down to whose type the mapping declines. */
export const DECLINED: MappedRow = { row: null, warnings: NONE };

/** Of an event that could be read. */
export type ReadDraft = Draft & Required<Pick<Draft, 'event' | 'occurredAt' | 'digest'>>;

/** Reads a parsed body as an event, in the form that its client may send. */
export function readEvent(
  delivery: Delivery,
  value: JsonValue,
  { types }: Settings,
): ReadDraft | (Draft & { readonly refusal: Refusal }) {
  const isFlat = isShorthand(value);
  const form: BodyForm = isFlat && delivery.allowShorthand ? 'shorthand' : 'envelope';
  const candidate =
    isFlat && form === 'shorthand'
      ? expandShorthand(value, delivery.body, delivery.receivedAt)
      : value;
  const result = readEnvelope(candidate, types);
  if (!result.ok) {
    const hint: Fault = {
      path: '',
      message: 'the flat form with event_type is for sandbox clients',
    };
    // In the flat form the type has another name, and it is the sender's that helps.
    const own = result.errors.map((error) =>
      form === 'shorthand' && error.path === '/type' ? { ...error, path: '/event_type' } : error,
    );
    return {
      delivery,
      form,
      eventId: eventIdOf(candidate) ?? null,
      refusal: {
        code: 'invalid_envelope',
        message: 'The body is not a valid event.',
        errors: isFlat && form === 'envelope' ? [hint, ...own] : own,
      },
    };
  }
  const { event, occurredAt } = result;
  return {
    delivery,
    form,
    event,
    eventId: event.event_id,
    occurredAt,
    digest: contentDigest(event.type, event.data),
  };
}

/** Where a field of `data` stands in the body as it was sent. */
export function pointer(form: BodyForm, path: string): string {
  return form === 'shorthand' ? path : `/data${path}`;
}

export function inBody(form: BodyForm, faults: readonly Fault[]): readonly Fault[] {
  return faults.map(({ path, message }) => ({ path: pointer(form, path), message }));
}

/** The row an event writes, with the tombstone that created and deleted set. */
export function toRow(
  mapping: CompiledMapping,
  { event, form, occurredAt }: ReadDraft,
): MappedRow | { readonly errors: readonly Fault[] } {
  const result = transformFields(mapping, event.data);
  if (!result.ok) return { errors: inBody(form, result.errors) };
  const operation = operationOf(event.type);
  return {
    row: {
      table: mapping.table,
      key: result.key,
      values: withTombstone(result.values, operation, occurredAt),
      version: versionOf(occurredAt.utc, operation, event.event_id),
    },
    warnings: result.warnings === undefined ? NONE : inBody(form, result.warnings),
  };
}

function withTombstone(
  values: RowChange['values'],
  operation: string,
  occurredAt: Timestamp,
): RowChange['values'] {
  if (operation !== 'created' && operation !== 'deleted') return values;
  // Not as a computed name of a literal, for which V8 calls its runtime.
  const all = { ...values };
  all[DELETED_AT] = operation === 'created' ? null : occurredAt.utc;
  return all;
}

export function toChange(
  { delivery, form, event, occurredAt, digest }: ReadDraft,
  mappingVersion: string,
  row: RowChange | null,
  { bodyRetention }: Settings,
): Change {
  const { replayOf, force } = delivery;
  const change: Change = {
    clientId: delivery.clientId,
    eventId: event.event_id,
    type: event.type,
    occurredAt: occurredAt.utc,
    receivedAt: isoText(delivery.receivedAt),
    digest,
    body: bodyRetention > 0 ? delivery.body : null,
    form,
    mappingVersion,
    row,
  };
  if (replayOf === undefined && force !== true) return change;
  return {
    ...change,
    ...(force === true ? { force } : {}),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

let lastMillis = NaN;
let lastText = '';

/** Milliseconds since 1970 as a Date says them; the deliveries of one batch mostly share them. */
export function isoText(millis: number): string {
  if (millis !== lastMillis) {
    lastText = new Date(millis).toISOString();
    lastMillis = millis;
  }
  return lastText;
}
