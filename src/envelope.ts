import {
  type Envelope,
  EVENT_TYPES,
  type HisEvent,
  IDENTIFIER_PATTERN,
  type JsonObject,
  type JsonValue,
  operationOf,
} from './events.ts';
import type { Fault } from './errors.ts';
import { sha256 } from './json.ts';
import { validateEnvelopeShape } from './schemas/envelope-validator.ts';
import { parseTimestamp, type Timestamp } from './timestamp.ts';

/** What {@link validateEnvelope} found; `errors` lists every fault with its JSON Pointer. */
export type EnvelopeResult<Event = HisEvent> =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly errors: readonly Fault[] };

/** Options of {@link validateEnvelope}. */
export interface EnvelopeOptions {
  /** Event types of the host's own, beside the 14 of the document: `resource.operation`. */
  readonly types?: readonly string[];
}

/**
 * Validates the envelope of an event: `event_id`, `timestamp`, `type` and `data`, and that
 * `operation` agrees with `type` where it is given. Members beside these are allowed and ignored;
 * what `data` holds is the mapping's business.
 *
 * @example
 * ```ts
 * import { validateEnvelope } from '@buktor/his-webhook';
 *
 * const result = validateEnvelope(JSON.parse(body));
 * if (!result.ok) console.error(result.errors); // [{ path: '/timestamp', message: 'is required' }]
 * ```
 *
 * @param value - A parsed body.
 * @returns The same value, typed, or every fault. No message repeats a value.
 */
export function validateEnvelope(value: unknown): EnvelopeResult;
export function validateEnvelope(
  value: unknown,
  options: EnvelopeOptions,
): EnvelopeResult<Envelope>;
export function validateEnvelope(
  value: unknown,
  options: EnvelopeOptions = {},
): EnvelopeResult<Envelope> {
  const result = readEnvelope(value, options.types);
  return result.ok ? { ok: true, event: result.event } : result;
}

/** What {@link validateEnvelope} finds, with the timestamp it has read on the way. */
export type ReadEnvelope =
  | { readonly ok: true; readonly event: Envelope; readonly occurredAt: Timestamp }
  | { readonly ok: false; readonly errors: readonly Fault[] };

/** {@link validateEnvelope} for the receiver, which needs the timestamp too. */
export function readEnvelope(value: unknown, types?: readonly string[]): ReadEnvelope {
  const errors: Fault[] = [];
  if (!validateEnvelopeShape(value)) {
    for (const error of validateEnvelopeShape.errors ?? []) {
      errors.push({
        path:
          error.params.missingProperty === undefined
            ? error.instancePath
            : `/${error.params.missingProperty}`,
        message: describe(error.instancePath, error.keyword, error.message),
      });
    }
  }
  if (typeof value !== 'object' || value === null) return { ok: false, errors };

  const { timestamp, type, operation } = value as Record<string, unknown>;
  const occurredAt = typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined;
  if (typeof timestamp === 'string' && occurredAt === undefined) {
    errors.push({
      path: '/timestamp',
      message: 'must be an RFC 3339 date-time with an offset, such as 2025-01-08T12:00:00Z',
    });
  }
  if (typeof type === 'string') {
    if (!isSupported(type, types)) {
      errors.push({ path: '/type', message: 'is not a supported event type' });
    } else if (typeof operation === 'string' && operation !== operationOf(type)) {
      errors.push({
        path: '/operation',
        message: `must agree with the type: ${operationOf(type)}`,
      });
    }
  }
  // Without a timestamp there is an error that says so.
  return errors.length > 0 || occurredAt === undefined
    ? { ok: false, errors }
    : { ok: true, event: value as Envelope, occurredAt };
}

/**
 * Whether a body is the flat form of the document's cURL (its section 7): an object with
 * `event_type` and no `data`.
 */
export function isShorthand(value: JsonValue): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.hasOwn(value, 'event_type') &&
    !Object.hasOwn(value, 'data')
  );
}

/**
 * Turns the flat form into an envelope, not yet validated. Where the body has no `event_id` its
 * digest serves, so the same body sent again is the same event; where it has no `timestamp` the
 * time of receipt does.
 *
 * @param value - The parsed body.
 * @param body - Its exact bytes.
 * @param receivedAt - Milliseconds since 1970.
 */
export function expandShorthand(
  value: JsonObject,
  body: Uint8Array,
  receivedAt: number,
): JsonObject {
  const { event_type: type, event_id: id, timestamp, ...data } = value;
  return {
    event_id: id === undefined ? `sha256-${sha256(body)}` : id,
    timestamp: timestamp === undefined ? new Date(receivedAt).toISOString() : timestamp,
    type: type as JsonValue,
    data,
  };
}

/** The `event_id` of a value that may be no valid envelope, where it has a valid one. */
export function eventIdOf(value: JsonValue): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'event_id')) {
    return undefined;
  }
  const id = (value as JsonObject)['event_id'];
  return typeof id === 'string' && IDENTIFIER_PATTERN.test(id) ? id : undefined;
}

const BUILT_IN_TYPES: ReadonlySet<string> = new Set(EVENT_TYPES);

function isSupported(type: string, registered: readonly string[] | undefined): boolean {
  return BUILT_IN_TYPES.has(type) || (registered?.includes(type) ?? false);
}

function describe(path: string, keyword: string, message: string): string {
  if (keyword === 'required') return 'is required';
  if (path === '/event_id' && keyword === 'pattern')
    return 'must be 1 to 255 visible ASCII characters';
  return message.replace(/^must be (string|object)$/, (_, type: string) =>
    type === 'string' ? 'must be a string' : 'must be an object',
  );
}
