import { gzipSync } from 'node:zlib';
import { SAMPLE_REQUEST } from '../../support/document.ts';
import { LIMITS, refused, sample, signed, type Vector } from './kit.ts';

const UNSUPPORTED = refused(415, 'unsupported_media_type');
const typed = (type: string | readonly string[] | undefined) =>
  signed(SAMPLE_REQUEST, { 'content-type': type });
const encoded = (
  encoding: string | readonly string[],
  body: string | Uint8Array = SAMPLE_REQUEST,
) => signed(body, { 'content-encoding': encoding });

/** 40 MB of blanks in 39 kB, and 4 MB in less than the limit. */
const bomb = (length: number) => gzipSync(`${JSON.stringify(sample)}${' '.repeat(length)}`);

/** Method, Content-Type and Content-Encoding. */
export const MEDIA_TYPES: readonly Vector[] = [
  ...['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method): Vector => ({
    name: `method ${method}`,
    request: { ...signed(method === 'GET' || method === 'HEAD' ? '' : SAMPLE_REQUEST), method },
    ...refused(405, 'method_not_allowed'),
    headers: { allow: 'POST' },
  })),
  {
    name: 'method PUT, before anything else is looked at',
    request: { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'x' },
    ...refused(405, 'method_not_allowed'),
  },

  ...[
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON; charset=utf-8',
    'APPLICATION/JSON; Charset="UTF-8"',
    'Application/Json',
    'application/json ;',
    'application/json;',
    'application/json ; ',
    '  application/json\t',
    'application/json\t;\tcharset=utf-8',
    'application/json;charset=utf-8;profile="a; b"',
    'application/json;profile="\\"quoted\\"; charset=utf-16"',
    'application/json; charset=utf-8; charset=UTF-8',
    'application/json;;',
    'application/json; ; charset=utf-8 ;',
  ].map((type): Vector => ({ name: `media type ${type}`, request: typed(type), status: 200 })),
  ...[
    undefined,
    '',
    ' ',
    'text/plain',
    'text/plain; charset=utf-8',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'application/jsonx',
    'application/json5',
    'application/x-json',
    'application/fhir+json',
    'application/json+fhir',
    'application/json/x',
    'application / json',
    'application/ json',
    'xapplication/json',
    'application/json; charset=utf-16',
    'application/json; charset=utf-16le',
    'application/json; charset=utf8',
    'application/json; charset=iso-8859-1',
    'application/json; charset=us-ascii',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; charset=""',
    'application/json; charset=',
    'application/json; charset',
    'application/json; charset = utf-8',
    'application/json; charset=utf-8 x',
    'application/json; =utf-8',
    'application/json; profile="open',
    'application/json, application/json',
    'application/json, text/plain',
    'application/json charset=utf-8',
    'application/json;\xa0',
    'application/json\xa0',
    'application',
    '*/*',
    '/',
    ';',
    ';application/json',
  ].map((type): Vector => ({
    name: `media type ${JSON.stringify(type)}`,
    request: typed(type),
    ...UNSUPPORTED,
  })),
  {
    name: 'two media types',
    request: typed(['application/json', 'application/json']),
    ...UNSUPPORTED,
  },
  {
    name: 'a media type of eight thousand parameters',
    request: typed(`application/json${';a=b'.repeat(2_000)}; charset=utf-16`),
    ...UNSUPPORTED,
  },

  ...['identity', 'Identity', ' IDENTITY '].map((encoding): Vector => ({
    name: `Content-Encoding: ${encoding}`,
    request: encoded(encoding),
    status: 200,
  })),
  ...[
    'gzip',
    'GZIP',
    'x-gzip',
    'br',
    'deflate',
    'zstd',
    'identity, gzip',
    'gzip, identity',
    '',
    'x',
  ].map((encoding): Vector => ({
    name: `Content-Encoding: ${encoding}`,
    request: encoded(encoding),
    ...UNSUPPORTED,
  })),
  {
    name: 'two Content-Encodings',
    request: encoded(['identity', 'identity']),
    ...UNSUPPORTED,
  },
  {
    name: 'a gzipped event',
    request: encoded('gzip', gzipSync(SAMPLE_REQUEST)),
    ...UNSUPPORTED,
  },
  {
    name: 'a gzip bomb within the limit',
    request: encoded('gzip', bomb(4_000_000)),
    ...UNSUPPORTED,
  },
  {
    name: 'a gzip bomb over the limit: its encoding comes first',
    request: encoded('gzip', bomb(40_000_000)),
    ...UNSUPPORTED,
  },
  {
    name: 'a gzipped event of which nothing but the head has come',
    request: { ...signed('', { 'content-encoding': 'gzip' }), declared: LIMITS.bodyBytes },
    ...UNSUPPORTED,
  },
  {
    name: 'gzip as a Transfer-Encoding of no name: bytes that are no JSON',
    request: signed(gzipSync(SAMPLE_REQUEST)),
    ...refused(400, 'invalid_json'),
  },
];
