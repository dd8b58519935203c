import { SAMPLE_REQUEST } from '../../support/document.ts';
import { signedHeaders } from '../../support/receiver.ts';
import { LIMITS, refused, sample, signed, type Vector } from './kit.ts';

const TOO_LARGE = refused(413, 'payload_too_large');
const TOO_SLOW = { ...refused(408, 'request_timeout'), headers: { connection: 'close' } };

/** An event of exactly the limit. */
const exact = (() => {
  const empty = JSON.stringify({ ...sample, pad: '' });
  return JSON.stringify({ ...sample, pad: 'x'.repeat(LIMITS.bodyBytes - empty.length) });
})();
const chunks = (body: string, size: number) =>
  body.match(new RegExp(`[^]{1,${String(size)}}`, 'g'))!;
const byByte = chunks(SAMPLE_REQUEST, 1);
const headers = signedHeaders(SAMPLE_REQUEST);

/** Size, speed and framing of bodies. */
export const BODIES: readonly Vector[] = [
  { name: 'a chunked body', request: { headers, body: chunks(SAMPLE_REQUEST, 50) }, status: 200 },
  { name: 'a body in chunks of a byte', request: { headers, body: byByte }, status: 200 },
  {
    name: 'a body with its length, byte by byte',
    request: { headers, body: byByte, declared: SAMPLE_REQUEST.length },
    status: 200,
  },
  {
    name: 'a body that waits for 100 Continue to be said',
    request: signed(SAMPLE_REQUEST, { expect: '100-continue' }),
    status: 200,
  },

  { name: 'a body of exactly the limit', request: signed(exact), status: 200 },
  {
    name: 'a body of exactly the limit, chunked',
    request: { headers: signedHeaders(exact), body: chunks(exact, 4_000) },
    status: 200,
  },
  { name: 'a body one byte over the limit', request: signed(`${exact} `), ...TOO_LARGE },
  {
    name: 'a body one byte over the limit, chunked',
    request: { headers: signedHeaders(`${exact} `), body: chunks(`${exact} `, 4_000) },
    ...TOO_LARGE,
  },
  {
    name: 'a body of which its length is known to be over the limit, and nothing else',
    request: { headers, body: '', declared: LIMITS.bodyBytes + 1 },
    ...TOO_LARGE,
  },
  {
    name: 'a body of a length beyond all numbers',
    request: { headers, body: '', declared: 999_999_999_999_999 },
    ...TOO_LARGE,
  },
  {
    name: 'a body far over the limit, with its length',
    request: { headers, body: 'x'.repeat(3_000_000) },
    ...TOO_LARGE,
  },
  {
    name: 'a body far over the limit, chunked',
    request: { headers, body: Array<string>(60).fill('x'.repeat(50_000)) },
    ...TOO_LARGE,
  },
  {
    name: 'a chunked body that never ends: refused when it is over the limit',
    request: { headers, body: Array<string>(1_000).fill('x'.repeat(5_000)), pause: 1 },
    ...TOO_LARGE,
  },
  {
    name: 'a body over the limit with a bad signature: its size comes first',
    request: { headers: { ...headers, 'buktor-signature': 'x' }, body: `${exact} ` },
    ...TOO_LARGE,
  },

  // A byte a second is a byte every 20 ms to a deadline of 400 ms.
  {
    name: 'a body at a byte a second, chunked',
    request: { headers, body: byByte, pause: 20 },
    ...TOO_SLOW,
  },
  {
    name: 'a body at a byte a second, with its length',
    request: { headers, body: byByte, declared: SAMPLE_REQUEST.length, pause: 20 },
    ...TOO_SLOW,
  },
  {
    name: 'a body that stops before its end',
    request: { headers, body: SAMPLE_REQUEST, declared: SAMPLE_REQUEST.length + 1 },
    ...TOO_SLOW,
  },
  {
    name: 'a body that does not begin',
    request: { headers, body: '', declared: SAMPLE_REQUEST.length },
    ...TOO_SLOW,
  },
];
