import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { ConfigurationError, EventError } from '../errors.ts';
import {
  EVENT_TYPE_PATTERN,
  type Envelope,
  type EventType,
  type HisEventOf,
  type JsonObject,
  operationOf,
  serializeEvent,
} from '../events.ts';
import { readEnvelope } from '../envelope.ts';
import { parseStrictJson } from '../json.ts';

/** What {@link buildEvent} builds an event of. */
export interface EventParts<Type extends string = EventType, Data extends object = JsonObject> {
  readonly type: Type;
  /** The hospital's own fields. */
  readonly data: Data;
  /** When it happened at the hospital; the time of the call by default. */
  readonly timestamp?: Date | string;
  /** The system it comes from. */
  readonly source?: string;
  /** 1–255 visible ASCII characters; made by default. */
  readonly eventId?: string;
}

/** Where time and chance come from. */
export interface EventSources {
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** So many random bytes. @default randomBytes of node:crypto */
  readonly randomBytes?: (size: number) => Uint8Array;
}

/**
 * Builds the envelope of an event: a new `event_id` (`evt_` and a UUID version 7, RFC 9562), the
 * timestamp as RFC 3339, and the operation out of the type. Build an event once and keep it: a retry
 * must have the same `event_id`.
 *
 * Ids that one process makes grow, also within one millisecond, so of two events with the same
 * timestamp the one that was built later wins.
 *
 * @example
 * ```ts
 * import { buildEvent } from '@buktor/his-webhook';
 *
 * const appointment = buildEvent({
 *   type: 'appointment.created',
 *   data: { his_appointment_id: 'A123', his_status: 'confirmed' },
 * });
 * ```
 *
 * @throws ConfigurationError if the type is not of the form `resource.operation`, or the timestamp is
 *   an invalid Date. Everything else is validated when the event is sent.
 */
export function buildEvent<Type extends EventType, Data extends object>(
  parts: EventParts<Type, Data>,
  sources?: EventSources,
): HisEventOf<Type, Data>;
export function buildEvent<Data extends object>(
  parts: EventParts<string, Data>,
  sources?: EventSources,
): Envelope<Data>;
export function buildEvent(
  { type, data, timestamp, source, eventId }: EventParts<string, object>,
  { now = Date.now, randomBytes: random = randomBytes }: EventSources = {},
): Envelope<object> {
  if (!EVENT_TYPE_PATTERN.test(type)) {
    throw new ConfigurationError('type must be of the form resource.operation.');
  }
  if (timestamp instanceof Date && Number.isNaN(timestamp.getTime())) {
    throw new ConfigurationError('timestamp is an invalid Date.');
  }
  const millis = now();
  return {
    event_id: eventId ?? `evt_${uuidV7(millis, random)}`,
    timestamp:
      typeof timestamp === 'string' ? timestamp : (timestamp ?? new Date(millis)).toISOString(),
    type,
    operation: operationOf(type),
    data,
    ...(source === undefined ? {} : { source }),
  };
}

/** The moment and the counter of the last id, so that the next one is greater. */
let lastMillis = 0;
let lastCounter = 0;

/**
 * UUID version 7 with a 12-bit counter in `rand_a` (RFC 9562, sections 5.7 and 6.2, method 1). A clock
 * that stands still or goes back does not: the moment of the last id is used until it is passed.
 */
function uuidV7(millis: number, random: (size: number) => Uint8Array): string {
  const bytes = Buffer.from(random(16));
  if (millis > lastMillis) {
    lastMillis = millis;
    // Its upper half is left to count in.
    lastCounter = bytes.readUInt16BE(6) & 0x7ff;
  } else if (++lastCounter > 0xfff) {
    lastMillis++;
    lastCounter = 0;
  }
  bytes.writeUIntBE(lastMillis, 0, 6);
  bytes.writeUInt16BE(0x7000 | lastCounter, 6);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

/** An event in the form in which it is queued and sent. */
export interface PreparedEvent {
  readonly eventId: string;
  readonly type: string;
  /** The exact body of every attempt. */
  readonly body: string;
}

/** What an event is held against before it leaves. */
export interface PrepareOptions {
  /** Event types beside the 14. */
  readonly types: readonly string[];
  /** The longest body, in bytes. */
  readonly maxBodyBytes: number;
  /** How far ahead of the clock a timestamp may be, in milliseconds. */
  readonly maxClockSkew: number;
}

/**
 * Serialises an event and holds it against everything that a receiver would refuse whatever its
 * mapping is.
 *
 * @param now - Milliseconds since 1970.
 * @throws EventError with everything that is wrong. Nothing in it repeats a value.
 */
export function prepareEvent(
  event: Envelope<object>,
  options: PrepareOptions,
  now: number,
): PreparedEvent {
  let body: string;
  try {
    body = serializeEvent(event);
  } catch (error) {
    throw new EventError([{ path: '', message: serializationFault(error) }]);
  }
  return checkBody(body, options, now);
}

/** Our own words, and the platform's; a `toJSON` of the host's may quote what it could not make text of. */
function serializationFault(error: unknown): string {
  const message = error instanceof TypeError ? error.message : '';
  return /^(serializeEvent|Do not know how to serialize a BigInt)/.test(message)
    ? message
    : 'cannot be serialised';
}

/** {@link prepareEvent} for a body that was serialised before; it is sent as it is. */
export function checkBody(body: string, options: PrepareOptions, now: number): PreparedEvent {
  // A character is three bytes at most, and counting them takes as long as parsing.
  if (body.length * 3 > options.maxBodyBytes) checkSize(body, options.maxBodyBytes);
  const parsed = parseStrictJson(body);
  if (!parsed.ok) throw new EventError([{ path: '', message: parsed.reason }]);
  const result = readEnvelope(parsed.value, options.types);
  if (!result.ok) throw new EventError(result.errors);
  const { event_id: eventId, type } = result.event;
  if (result.occurredAt.epochMillis - now > options.maxClockSkew) {
    const message = 'is ahead of the clock, and would win over every later event';
    throw new EventError([{ path: '/timestamp', message }]);
  }
  return { eventId, type, body };
}

function checkSize(body: string, limit: number): void {
  const size = Buffer.byteLength(body);
  if (size <= limit) return;
  const message = `is ${String(size)} bytes long; ${String(limit)} are allowed`;
  throw new EventError([{ path: '', message }]);
}
