import type { ReceiverRequest } from '../../src/receiver/types.ts';
import { marker, markedNumber } from './canary.ts';
import {
  markedData,
  markedEvent,
  markedHeaders,
  MISFITS,
  NOW,
  SANDBOX_TOKEN,
  TYPED,
} from './events.ts';

type Headers = Record<string, string | string[] | undefined>;

/** A request with markers in it. */
export interface MarkedRequest extends ReceiverRequest {
  readonly headers: Headers;
}

/** A request that one rule of the HTTP contract refuses, or none. */
export interface Case {
  readonly name: string;
  /** The `code` of the answer; `null` for 200. */
  readonly code: string | null;
  readonly request: () => MarkedRequest;
}

/** A signed request. Text is sent as it is, to be no JSON. */
function signed(body: object | string | Uint8Array, headers: Headers = {}): MarkedRequest {
  const bytes =
    body instanceof Uint8Array
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { method: 'POST', headers: markedHeaders(bytes, headers), body: bytes };
}

const row = (name: string, code: string | null, request: () => MarkedRequest): Case => ({
  name: `${code ?? 'success'}: ${name}`,
  code,
  request,
});

const text = (event: object): string => JSON.stringify(event);

/** Bodies that are not strict JSON, with markers around what is wrong. */
const NO_JSON: Readonly<Record<string, () => string | Uint8Array>> = {
  'a text': () => marker(),
  'cut off': () => text(markedEvent()).slice(0, -30),
  'a stray name': () => `{"data": ${marker()}}`,
  'a stray value': () => text(markedEvent()).replace('"deep"', `"x": ${marker()}, "deep"`),
  'a line break in a string': () => `{"data": "${marker()}\n${marker()}"}`,
  'a bad escape': () => `{"data": "${marker()}\\q${marker()}"}`,
  'a key twice': () => `{"${marker()}": 1, "a": {"b": "${marker()}", "b": "${marker()}"}}`,
  'a marked key twice': () => {
    const key = marker();
    return `{"data": {"${key}": 1, "${key}": 2}}`;
  },
  'a poisoned key': () => `{"data": {"__proto__": {"a": "${marker()}"}}}`,
  'a poisoned constructor': () => `{"data": {"constructor": {"prototype": "${marker()}"}}}`,
  'a number too long': () => `{"data": {"a": ${String(markedNumber())}99999999999}}`,
  'a number too large': () => `{"data": {"a": ${String(markedNumber())}e999}}`,
  NUL: () => `{"data": "${marker()}\\u0000"}`,
  'half a surrogate pair': () => `{"data": "${marker()}\\ud800"}`,
  'bytes that are no UTF-8': () => Buffer.concat([Buffer.from(marker()), Buffer.from([0xff])]),
  'a byte order mark': () => `\ufeff${text(markedEvent())}`,
  'too deep': () => '['.repeat(65) + `"${marker()}"` + ']'.repeat(65),
  'more after the end': () => `${text(markedEvent())}${marker()}`,
};

/** Envelopes of which one member is wrong, and is a marker. */
const NO_ENVELOPE: Readonly<Record<string, () => object>> = {
  'no object': () => [marker()],
  'an event_id with a space': () => markedEvent({}, { event_id: `a ${marker()}` }),
  'an event_id that is a number': () => markedEvent({}, { event_id: markedNumber() }),
  'a timestamp of words': () => markedEvent({}, { timestamp: marker() }),
  'a timestamp without a zone': () =>
    markedEvent({}, { timestamp: `2025-01-08T12:00:00.${String(markedNumber())}` }),
  'an unknown type': () => markedEvent({}, { type: marker() }),
  'an unknown operation': () => markedEvent({}, { operation: marker() }),
  'another operation': () => markedEvent({}, { operation: 'deleted' }),
  'data of text': () => markedEvent({}, { data: marker() }),
  'data of a list': () => markedEvent({}, { data: [marker()] }),
  'a source that is no text': () => markedEvent({}, { source: { a: marker() } }),
  'the flat form': () => ({ event_type: 'appointment.created', ...markedData() }),
};

/** What no type, value map or transform takes. */
const ODD: readonly (() => unknown)[] = [
  marker,
  markedNumber,
  () => markedNumber() + 0.5,
  () => [marker()],
  () => ({ a: marker() }),
  () => true,
  () => `12/12/2025 ${marker()}`,
  () => `2025-13-45T10:00:00 ${marker()}`,
];

const TRANSFORMS: readonly Case[] = [
  ...TYPED.filter((name) => name !== 'string').flatMap((name) =>
    ODD.map((odd, n) =>
      row(`field ${name}, value ${String(n)}`, 'transform_failed', () =>
        // A second field that no rule takes, so that each of these fails whatever the first does.
        signed(
          markedEvent({ [`his_${name}_in`]: odd(), his_coded_in: marker(), his_zone: marker() }),
        ),
      ),
    ),
  ),
  row('no key', 'transform_failed', () => signed(markedEvent({ his_appointment_id: [marker()] }))),
  row('a field that is required', 'transform_failed', () =>
    signed(markedEvent({ his_service_id: marker() }, { type: 'service.created' })),
  ),
  ...MISFITS.map(([type, data], n) =>
    row(`schema ${String(n)}`, 'transform_failed', () => signed(markedEvent(data, { type }))),
  ),
];

const CHUNKS: readonly ((fail: boolean) => AsyncIterable<Uint8Array>)[] = [
  async function* (fail) {
    yield Buffer.from(text(markedEvent()).slice(0, 40));
    if (fail) throw new Error(`the socket broke after ${marker()}`);
    await new Promise((resolve) => setTimeout(resolve, 500).unref());
  },
];

/** Requests that are refused before, and for, what is in them; and some that are not. */
export const CASES: readonly Case[] = [
  row('PUT', 'method_not_allowed', () => ({ ...signed(markedEvent()), method: 'PUT' })),
  row('a method nobody knows', 'method_not_allowed', () => ({
    ...signed(markedEvent()),
    method: marker().toUpperCase(),
  })),
  ...['text/plain', 'application/json; charset=utf-16'].map((type) =>
    row(type, 'unsupported_media_type', () =>
      signed(markedEvent(), { 'content-type': `${type}; note=${marker()}` }),
    ),
  ),
  row('an encoding', 'unsupported_media_type', () =>
    signed(markedEvent(), { 'content-encoding': marker() }),
  ),
  ...[
    ['an unknown token', () => `Bearer ${marker()}`],
    ['another scheme', () => `Basic ${marker()}`],
    ['no token', () => undefined],
    ['two tokens', () => [`Bearer ${marker()}`, `Bearer ${marker()}`]],
  ].map(([name, authorization]) =>
    row(name as string, 'unauthorized', () =>
      signed(markedEvent(), { authorization: (authorization as () => string)() }),
    ),
  ),
  ...[
    ['a wrong signature', () => 'a'.repeat(64)],
    ['a signature that is none', () => marker()],
    ['no signature', () => undefined],
    ['two signatures', () => [marker(), marker()]],
  ].map(([name, signature]) =>
    row(name as string, 'unauthorized', () =>
      signed(markedEvent(), { 'buktor-signature': (signature as () => string)() }),
    ),
  ),
  row('Content-Length', 'payload_too_large', () =>
    signed(markedEvent(), { 'content-length': '99999999' }),
  ),
  row('bytes', 'payload_too_large', () => signed(marker().repeat(60_000))),
  row('a slow body', 'request_timeout', () => ({
    ...signed(markedEvent()),
    body: CHUNKS[0]!(false),
  })),
  row('a body that breaks off', 'request_timeout', () => ({
    ...signed(markedEvent()),
    body: CHUNKS[0]!(true),
  })),
  row('an object', 'body_already_parsed', () => ({
    ...signed(markedEvent()),
    body: markedEvent(),
  })),
  row('a text', 'body_already_parsed', () => ({
    ...signed(markedEvent()),
    body: text(markedEvent()),
  })),
  row('another id', 'client_mismatch', () => signed(markedEvent(), { 'client-id': marker() })),
  ...Object.entries(NO_JSON).map(([name, body]) => row(name, 'invalid_json', () => signed(body()))),
  ...Object.entries(NO_ENVELOPE).map(([name, body]) =>
    row(name, 'invalid_envelope', () => signed(body())),
  ),
  row('tomorrow', 'timestamp_in_future', () =>
    signed(markedEvent({}, { timestamp: new Date(NOW + 90_000_000).toISOString() })),
  ),
  row('no rule for the type', 'mapping_not_found', () =>
    signed(markedEvent({}, { type: 'location.created' })),
  ),
  ...TRANSFORMS,
  row('an event', null, () => signed(markedEvent())),
  row('declined', null, () => signed(markedEvent({}, { type: 'payment.failed' }))),
  row('not all of it mapped', null, () =>
    signed(markedEvent({ his_service_id: marker() }, { type: 'service.updated' })),
  ),
  row('the flat form of a sandbox', null, () =>
    signed(
      { event_type: 'appointment.created', ...markedData() },
      { authorization: `Bearer ${SANDBOX_TOKEN}`, 'buktor-signature': undefined },
    ),
  ),
];
