import { describe, expect, it } from 'vitest';
import {
  bearerToken,
  contentLength,
  headerValues,
  isPlainJson,
} from '../../src/receiver/headers.ts';

describe('headerValues', () => {
  it('finds every line of a header, in whatever case its name is', () => {
    expect(headerValues({ 'client-id': '1' }, 'client-id')).toEqual(['1']);
    expect(headerValues({ 'Client-ID': '1', 'CLIENT-ID': ['2', '3'] }, 'client-id')).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(headerValues({ 'client-id': ['1', '2'] }, 'client-id')).toEqual(['1', '2']);
    expect(headerValues({ 'client-id': '1', 'Client-ID': '2' }, 'client-id')).toEqual(['1', '2']);
    expect(headerValues(new Headers({ 'Client-ID': '1' }), 'client-id')).toEqual(['1']);
  });

  it('finds none where there is none', () => {
    expect(headerValues({}, 'client-id')).toEqual([]);
    expect(headerValues({ 'client-id': undefined }, 'client-id')).toEqual([]);
    expect(headerValues({ 'Client-ID': undefined, 'client-ix': '1' }, 'client-id')).toEqual([]);
    expect(headerValues({ 'x-client-id': '1' }, 'client-id')).toEqual([]);
    expect(headerValues(new Headers(), 'client-id')).toEqual([]);
  });

  it('takes no inherited member for a header', () => {
    expect(
      headerValues(Object.create({ 'client-id': '1' }) as Record<string, string>, 'client-id'),
    ).toEqual([]);
    expect(headerValues({}, 'constructor')).toEqual([]);
  });

  it('takes a header that is called get for what it is', () => {
    expect(headerValues({ get: 'x', 'client-id': '1' }, 'client-id')).toEqual(['1']);
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
    expect(headerValues(lines, 'buktor-signature')).toEqual(['a', 'b']);
    expect(headerValues(lines, 'client-id')).toEqual([]);
    expect(headerValues([], 'client-id')).toEqual([]);
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
    expect(headerValues(odd, 'client-id')).toEqual(['']);
  });
});
