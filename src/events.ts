import stringify from 'fast-json-stable-stringify';

/** A JSON value as `JSON.parse` gives it. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object. */
export type JsonObject = Readonly<Record<string, JsonValue>>;

/** The 14 event types of section 3 of the HIS Webhook document. */
export const EVENT_TYPES = [
  'location.created',
  'location.updated',
  'location.deleted',
  'service.created',
  'service.updated',
  'service.deleted',
  'appointment.created',
  'appointment.updated',
  'appointment.deleted',
  'schedule.created',
  'schedule.updated',
  'schedule.deleted',
  'payment.successful',
  'payment.failed',
] as const;

/** One of the 14 event types. */
export type EventType = (typeof EVENT_TYPES)[number];

/** What an event is about: the part of its type before the dot. */
export type Resource = EventType extends `${infer R}.${string}` ? R : never;

/** What happened: the part of a type after the dot. */
export type OperationOf<Type extends string> = Type extends `${string}.${infer Operation}`
  ? Operation
  : never;

/** The envelope a hospital's system sends, of any type, the host's own included. */
export interface Envelope<Data extends object = JsonObject> {
  /** Identifies the event within its client: 1–255 visible ASCII characters. */
  readonly event_id: string;
  /** When it happened at the hospital: RFC 3339 with an offset. */
  readonly timestamp: string;
  readonly type: string;
  /** Must agree with `type` where it is given. */
  readonly operation?: string;
  readonly data: Data;
  readonly source?: string;
}

/** The envelope of one of the 14 event types. */
export interface HisEventOf<
  Type extends EventType,
  Data extends object = JsonObject,
> extends Envelope<Data> {
  readonly type: Type;
  readonly operation?: OperationOf<Type>;
}

/** Any of the 14 events, discriminated by `type`. */
export type HisEvent<Data extends object = JsonObject> = {
  [Type in EventType]: HisEventOf<Type, Data>;
}[EventType];

/** The two spellings of the endpoint in the HIS Webhook document (its sections 2 and 7). */
// Mutable in its type only, because Express' `app.all` takes no readonly array.
export const RECEIVE_PATHS: string[] = Object.freeze(['/his/receive', '/his-receive']) as string[];

/** How a host may name an event type of its own: `resource.operation`. */
export const EVENT_TYPE_PATTERN: RegExp = /^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$/;

/** What an `event_id` and a client id may look like: 1–255 visible ASCII characters. */
export const IDENTIFIER_PATTERN: RegExp = /^[\x21-\x7e]{1,255}$/;

/** The part of an event type before the dot. */
export function resourceOf(type: string): string {
  return type.slice(0, type.indexOf('.'));
}

/** The part of an event type after the dot. */
export function operationOf(type: string): string {
  return type.slice(type.indexOf('.') + 1);
}

/**
 * Serialises an event to the text of its HTTP body.
 *
 * Keys are sorted (`fast-json-stable-stringify`), so the same event has the same bytes, and so the
 * same signature, at every retry and on every machine. Sign and send exactly this string.
 *
 * @example
 * ```ts
 * import { generateSignature, serializeEvent } from '@buktor/his-webhook';
 *
 * const body = serializeEvent(event);
 * const signature = generateSignature(body, secret);
 * ```
 *
 * @param event - The envelope; it must be JSON-serialisable.
 * @returns The body, to be encoded as UTF-8.
 * @throws TypeError if `event` is not an object, is circular, or holds a BigInt or a number JSON
 *   has no word for (NaN, Infinity), which would silently become `null` and blank a stored value.
 */
export function serializeEvent(event: Envelope<object>): string {
  if (typeof event !== 'object' || (event as unknown) === null) {
    throw new TypeError('serializeEvent takes an event object');
  }
  assertNumbers(event, []);
  return stringify(event);
}

function assertNumbers(value: unknown, ancestors: unknown[]): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TypeError('serializeEvent: the event holds a number that JSON cannot express');
  }
  if (typeof value !== 'object' || value === null) return;
  if (ancestors.includes(value)) throw new TypeError('serializeEvent: the event is circular');
  ancestors.push(value);
  for (const member of Object.values(value)) assertNumbers(member, ancestors);
  ancestors.pop();
}
