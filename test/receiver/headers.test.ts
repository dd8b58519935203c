import { describe, expect, it } from 'vitest';
import {
  bearerToken,
  contentLength,
  headerValues,
  isPlainJson,
} from '../../src/receiver/headers.ts';

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
