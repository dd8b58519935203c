import { describe, expect, it } from 'vitest';
import * as headers from '../../src/receiver/headers.ts';
import { readHeaders, type RequestHeaders } from '../../src/receiver/headers.ts';

const clientId = (given: RequestHeaders) => readHeaders(given)['client-id'];
const bearerToken = (given: RequestHeaders) => headers.bearerToken(readHeaders(given));
const isPlainJson = (given: RequestHeaders) => headers.isPlainJson(readHeaders(given));
const contentLength = (given: RequestHeaders) => headers.contentLength(readHeaders(given));

describe('readHeaders', () => {
  it('finds every line of a header, in whatever case its name is', () => {
    expect(clientId({ 'client-id': '1' })).toBe('1');
    expect(clientId({ 'Client-ID': '1', 'CLIENT-ID': ['2', '3'] })).toEqual(['1', '2', '3']);
    expect(clientId({ 'client-id': ['1', '2'], 'Client-ID': '3' })).toEqual(['1', '2', '3']);
    expect(clientId({ 'client-id': ['1', '2'] })).toEqual(['1', '2']);
    expect(clientId({ 'client-id': ['1'] })).toBe('1');
    expect(clientId({ 'client-id': '1', 'Client-ID': '2' })).toEqual(['1', '2']);
    expect(clientId(new Headers({ 'Client-ID': '1' }))).toBe('1');
  });

  it('finds all of them at once', () => {
    const given = {
      Authorization: 'a',
      'Buktor-Signature': 'b',
      'Client-ID': 'c',
      'Content-Encoding': 'd',
      'Content-Length': 'e',
      'Content-Type': 'f',
    };
    const found = {
      authorization: 'a',
      'buktor-signature': 'b',
      'client-id': 'c',
      'content-encoding': 'd',
      'content-length': 'e',
      'content-type': 'f',
    };
    expect(readHeaders(given)).toEqual(found);
    expect(readHeaders(new Headers(given))).toEqual(found);
    expect(readHeaders(Object.entries(given).flat())).toEqual(found);
  });

  it('finds none where there is none', () => {
    expect(clientId({})).toBeUndefined();
    expect(clientId({ 'client-id': undefined })).toBeUndefined();
    expect(clientId({ 'client-id': [] })).toBeUndefined();
    expect(clientId({ 'Client-ID': undefined, 'client-ix': '1' })).toBeUndefined();
    expect(clientId({ 'x-client-id': '1' })).toBeUndefined();
    expect(clientId(new Headers())).toBeUndefined();
  });

  it('takes no other name for one that looks like it', () => {
    // What has the bits of a hyphen or of a k, and what becomes a k in lower case.
    expect(clientId({ 'client\rid': '1', 'client\x4d1d': '1' })).toBeUndefined();
    expect(readHeaders({ 'bu\u212ator-signature': '1' })['buktor-signature']).toBeUndefined();
    expect(readHeaders({ 'bu\x4btor-signature': '1' })['buktor-signature']).toBe('1');
  });

  it('takes no inherited member for a header', () => {
    const inherited = Object.create({ 'client-id': '1' }) as Record<string, string>;
    expect(clientId(inherited)).toBeUndefined();
  });

  it('takes a header that is called get for what it is', () => {
    expect(clientId({ get: 'x', 'client-id': '1' })).toBe('1');
  });
});

describe('bearerToken', () => {
  const token = (value: string | string[] | undefined) => bearerToken({ authorization: value });

  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   abc  ', 'abc'],
    ['Bearer AZaz09-._~+/==', 'AZaz09-._~+/=='],
    [`Bearer ${'a'.repeat(4096)}`, 'a'.repeat(4096)],
  ])('reads %j', (value, expected) => {
    expect(token(value)).toBe(expected);
  });

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'Bearerabc',
    'Bearer\tabc',
    ' Bearer abc',
    'xBearer abc',
    'Bearer a b',
    'Bearer =',
    'Bearer a=b',
    'Bearer é',
    'Bearer abc,',
    'Bearer abc\n',
    'Basic abc',
    `Bearer ${'a'.repeat(4097)}`,
  ])('refuses %j', (value) => {
    expect(token(value)).toBeUndefined();
  });

  it('is none where there are several lines, or none', () => {
    expect(token(['Bearer abc', 'Bearer abc'])).toBeUndefined();
    const spellings = { authorization: 'Bearer abc', Authorization: 'Bearer abc' };
    expect(bearerToken(spellings)).toBeUndefined();
    expect(token([])).toBeUndefined();
    expect(token(undefined)).toBeUndefined();
  });
});

describe('isPlainJson', () => {
  it.each([
    'application/json',
    'APPLICATION/JSON',
    ' \tapplication/json \t',
    'application/json;',
    'application/json ;',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json; charset=utf-8 \t',
    'application/json\t;\tCharSet="utf-8"',
    'application/json; charset=utf-8; ;; v=1',
    'application/json; profile="a;\\"b\\\\ charset=utf-16"',
    "application/json; x=!#$%&'*+-.^_`|~09azAZ",
    'application/json; x=""; y="\u00e9"',
  ])('takes %j', (value) => {
    expect(isPlainJson({ 'content-type': value })).toBe(true);
    expect(isPlainJson({ 'content-type': value, 'content-encoding': undefined })).toBe(true);
  });

  it.each([
    '',
    'json',
    'text/json',
    'xapplication/json',
    'xapplication/json;',
    'application/jsonx',
    'application/json x',
    'application/json, application/json',
    'application/json+x',
    'application/ld+json',
    'text/plain; a=application/json',
    'application/json; charset=utf-16',
    'application/json; charset=xutf-8',
    'application/json; charset=utf-8x',
    'application/json; charset="utf-8',
    'application/json; charset=""',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; charset',
    'application/json; charset = utf-8',
    'application/json; =utf-8',
    'application/json; x=\u00e9',
    'application/json; x="\\\u0001"',
    'application/json; x=a b',
    'application/json; x="a"b',
  ])('refuses %j', (value) => {
    expect(isPlainJson({ 'content-type': value })).toBe(false);
  });

  it('wants exactly one type', () => {
    expect(isPlainJson({})).toBe(false);
    expect(isPlainJson({ 'content-type': [] })).toBe(false);
    expect(isPlainJson({ 'content-type': ['application/json', 'application/json'] })).toBe(false);
    expect(isPlainJson({ 'content-type': ['application/json'] })).toBe(true);
  });

  it('takes no encoding but identity', () => {
    const encoded = (value: string | string[]) =>
      isPlainJson({ 'content-type': 'application/json', 'content-encoding': value });
    expect(encoded('identity')).toBe(true);
    expect(encoded(' Identity ')).toBe(true);
    expect(encoded(['identity', 'identity'])).toBe(false);
    for (const other of ['gzip', '', 'identity, gzip', 'identityx']) {
      expect(encoded(other), other).toBe(false);
    }
    expect(encoded(['identity', 'gzip'])).toBe(false);
  });

  it('reads a long list of parameters in no time', () => {
    const list = `application/json${'; a="\\""'.repeat(2_000)}`;
    expect(isPlainJson({ 'content-type': list })).toBe(true);
    expect(isPlainJson({ 'content-type': `${list}; "` })).toBe(false);
  });
});

describe('contentLength', () => {
  const length = (value: string | undefined) => contentLength({ 'content-length': value });

  it('is the number that was declared', () => {
    expect(length('0')).toBe(0);
    expect(length('1048576')).toBe(1_048_576);
    expect(length('9'.repeat(15))).toBe(999_999_999_999_999);
  });

  it.each([undefined, '', '-1', '+1', '1.5', '1e3', '0x10', ' 1', '1 ', '1, 1', '1'.repeat(16)])(
    'is none for %j',
    (value) => {
      expect(length(value)).toBeUndefined();
    },
  );
});

describe('headers as Node has them, line by line', () => {
  const lines = [
    'Host',
    'localhost',
    'CONTENT-type',
    'application/json',
    'Buktor-Signature',
    'a',
    'X-Same-Length-As',
    'Buktor-Signature',
    'buktor-signature',
    'b',
    'Content-Length',
    '12',
    'Authorization',
    'Bearer demo-token',
  ];

  it('are found whatever the case of their names, each line by itself', () => {
    expect(readHeaders(lines)['buktor-signature']).toEqual(['a', 'b']);
    expect(clientId(lines)).toBeUndefined();
    expect(clientId([])).toBeUndefined();
    expect(isPlainJson(lines)).toBe(true);
    expect(contentLength(lines)).toBe(12);
    expect(bearerToken(lines)).toBe('demo-token');
  });

  it('do not count where they are repeated', () => {
    expect(bearerToken([...lines, 'authorization', 'Bearer demo-token'])).toBeUndefined();
    expect(isPlainJson([...lines, 'Content-Type', 'application/json'])).toBe(false);
    expect(isPlainJson([...lines, 'Content-Encoding', 'gzip'])).toBe(false);
  });

  it('may be anything where an adapter of the host made them', () => {
    const odd = [7, 'x', 'client-id', 7, undefined, undefined, 'client-id'] as string[];
    expect(clientId(odd)).toBe('');
  });
});
