import { EVENT_TABLE, SAMPLE_CURL_BODY, SAMPLE_REQUEST } from '../support/document.ts';
import type { WireRequest } from '../support/http.ts';
import { signedHeaders } from '../support/receiver.ts';

/** A request and the answer every adapter gives to it. */
export interface Vector {
  readonly name: string;
  readonly path?: string;
  readonly request: Omit<WireRequest, 'url'>;
  readonly status: number;
  readonly code?: string;
  /** The table that has one row afterwards. */
  readonly table?: string;
  /** Headers of the answer that matter beside its type. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The limits the vectors are made for. */
export const LIMITS = { bodyBytes: 20_000, bodyTimeout: 400 };

const sample = JSON.parse(SAMPLE_REQUEST) as Record<string, unknown> & { data: object };

function signed(
  body: string | Uint8Array,
  headers: WireRequest['headers'] = {},
): Vector['request'] {
  return { headers: { ...signedHeaders(body), ...headers }, body };
}

const json = (value: unknown, headers?: WireRequest['headers']) =>
  signed(JSON.stringify(value), headers);

const typed = (type: string | undefined) => signed(SAMPLE_REQUEST, { 'content-type': type });

const large = JSON.stringify({ ...sample, data: { ...sample.data, pad: 'x'.repeat(20_000) } });
const exact = (() => {
  const empty = JSON.stringify({ ...sample, pad: '' });
  return JSON.stringify({ ...sample, pad: 'x'.repeat(LIMITS.bodyBytes - empty.length) });
})();
const unauthorized = {
  status: 401,
  code: 'unauthorized',
  headers: { 'www-authenticate': 'Bearer' },
};

export const VECTORS: readonly Vector[] = [
  { name: "the document's sample request", request: signed(SAMPLE_REQUEST), status: 200 },
  {
    name: "the document's sample request, at its other path",
    path: '/his-receive',
    request: signed(SAMPLE_REQUEST),
    status: 200,
  },
  {
    name: "the document's cURL",
    request: {
      headers: { 'content-type': 'application/json', authorization: 'Bearer sandbox' },
      body: SAMPLE_CURL_BODY,
    },
    status: 200,
  },
  ...EVENT_TABLE.map(([type, operation]): Vector => {
    const data = { [`his_${type.split('.')[0]!}_id`]: 'X1', value: 'v' };
    return {
      name: `${type} with its operation`,
      request: json({ ...sample, event_id: type, type, operation, data }),
      status: 200,
      table: type.split('.')[0]!,
    };
  }),
  {
    name: 'payment.successful with operation failed',
    request: json({ ...sample, type: 'payment.successful', operation: 'failed' }),
    status: 400,
    code: 'invalid_envelope',
  },
  {
    name: 'a chunked body',
    request: {
      headers: signedHeaders(SAMPLE_REQUEST),
      body: [...SAMPLE_REQUEST.match(/[^]{1,50}/g)!],
    },
    status: 200,
  },

  ...['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method): Vector => ({
    name: `method ${method}`,
    request: { ...signed(method === 'GET' ? '' : SAMPLE_REQUEST), method },
    status: 405,
    code: 'method_not_allowed',
    headers: { allow: 'POST' },
  })),

  ...[
    'application/json; charset=utf-8',
    'APPLICATION/JSON; Charset="UTF-8"',
    'application/json ;',
    'application/json;charset=utf-8;profile="a; b"',
    'application/json;;',
  ].map((type): Vector => ({ name: `media type ${type}`, request: typed(type), status: 200 })),
  ...[
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'application/fhir+json',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json; charset',
    'application/json, application/json',
    'application',
    '/',
    ';',
    'application/json charset=utf-8',
  ].map((type): Vector => ({
    name: `media type ${String(type)}`,
    request: typed(type),
    status: 415,
    code: 'unsupported_media_type',
  })),
  {
    name: 'two media types',
    request: signed(SAMPLE_REQUEST, { 'content-type': ['application/json', 'application/json'] }),
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'Content-Encoding: identity',
    request: signed(SAMPLE_REQUEST, { 'content-encoding': 'identity' }),
    status: 200,
  },
  ...['gzip', 'br', 'deflate', 'identity, gzip'].map((encoding): Vector => ({
    name: `Content-Encoding: ${encoding}`,
    request: signed(SAMPLE_REQUEST, { 'content-encoding': encoding }),
    status: 415,
    code: 'unsupported_media_type',
  })),

  {
    name: 'no token',
    request: signed(SAMPLE_REQUEST, { authorization: undefined }),
    ...unauthorized,
  },
  {
    name: 'an unknown token',
    request: signed(SAMPLE_REQUEST, { authorization: 'Bearer nobody' }),
    ...unauthorized,
  },
  {
    name: 'two tokens',
    request: signed(SAMPLE_REQUEST, { authorization: ['Bearer token-1001', 'Bearer token-1001'] }),
    ...unauthorized,
  },
  {
    name: 'an unknown token, before a body that is too large',
    request: signed(large, { authorization: 'Bearer nobody' }),
    ...unauthorized,
  },
  {
    name: 'no signature',
    request: signed(SAMPLE_REQUEST, { 'buktor-signature': undefined }),
    ...unauthorized,
  },
  {
    name: 'a wrong signature',
    request: signed(SAMPLE_REQUEST, { 'buktor-signature': '0'.repeat(64) }),
    ...unauthorized,
  },
  {
    name: 'two signatures, both right',
    request: signed(SAMPLE_REQUEST, {
      'buktor-signature': Array<string>(2).fill(signedHeaders(SAMPLE_REQUEST)['buktor-signature']!),
    }),
    ...unauthorized,
  },
  {
    name: 'the signature of other bytes',
    request: { headers: signedHeaders(SAMPLE_REQUEST), body: `${SAMPLE_REQUEST} ` },
    ...unauthorized,
  },
  {
    name: 'a signature in capitals',
    request: signed(SAMPLE_REQUEST, {
      'buktor-signature': signedHeaders(SAMPLE_REQUEST)['buktor-signature']!.toUpperCase(),
    }),
    status: 200,
  },
  {
    name: 'a Client-ID that agrees',
    request: signed(SAMPLE_REQUEST, { 'client-id': '1001' }),
    status: 200,
  },
  {
    name: 'a Client-ID that does not',
    request: signed(SAMPLE_REQUEST, { 'client-id': '1002' }),
    status: 403,
    code: 'client_mismatch',
  },

  { name: 'a body of exactly the limit', request: signed(exact), status: 200 },
  {
    name: 'a body one byte over the limit',
    request: signed(`${exact} `),
    status: 413,
    code: 'payload_too_large',
  },
  {
    name: 'a body over the limit, chunked',
    request: { headers: signedHeaders(large), body: large.match(/[^]{1,4000}/g)! },
    status: 413,
    code: 'payload_too_large',
  },
  {
    name: 'a body far over the limit, with its length',
    request: { headers: signedHeaders('x'), body: 'x'.repeat(3_000_000) },
    status: 413,
    code: 'payload_too_large',
  },
  {
    name: 'a body far over the limit, chunked',
    request: { headers: signedHeaders('x'), body: Array<string>(60).fill('x'.repeat(50_000)) },
    status: 413,
    code: 'payload_too_large',
  },
  {
    name: 'a body slower than its deadline',
    request: { headers: signedHeaders('x'), body: Array<string>(200).fill(' '), pause: 20 },
    status: 408,
    code: 'request_timeout',
    headers: { connection: 'close' },
  },

  { name: 'an empty body', request: signed(''), status: 400, code: 'invalid_json' },
  { name: 'no JSON', request: signed('{"a":'), status: 400, code: 'invalid_json' },
  {
    name: 'invalid UTF-8',
    request: signed(Uint8Array.of(0x22, 0xff, 0x22)),
    status: 400,
    code: 'invalid_json',
  },
  {
    name: 'a byte order mark',
    request: signed(`\ufeff${SAMPLE_REQUEST}`),
    status: 400,
    code: 'invalid_json',
  },
  { name: 'a key twice', request: signed('{"a":1,"a":2}'), status: 400, code: 'invalid_json' },
  {
    name: 'a poisoned key',
    request: signed('{"__proto__":{"x":1}}'),
    status: 400,
    code: 'invalid_json',
  },
  { name: 'a list', request: signed('[]'), status: 400, code: 'invalid_envelope' },
  { name: 'an empty object', request: signed('{}'), status: 400, code: 'invalid_envelope' },
  {
    name: 'the flat form from a client that is no sandbox',
    request: signed(SAMPLE_CURL_BODY),
    status: 400,
    code: 'invalid_envelope',
  },
  {
    name: 'a timestamp an hour ahead',
    request: json({ ...sample, timestamp: '2025-06-01T01:00:00Z' }),
    status: 422,
    code: 'timestamp_in_future',
  },
  {
    name: 'no mapping',
    request: { ...signed(SAMPLE_REQUEST, { authorization: 'Bearer token-1002' }) },
    status: 422,
    code: 'mapping_not_found',
  },
  {
    name: 'a field that cannot be stored',
    request: json({ ...sample, data: { ...sample.data, his_appointment_id: '' } }),
    status: 422,
    code: 'transform_failed',
  },
];
