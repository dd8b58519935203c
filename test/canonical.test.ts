import fc from 'fast-check';
import stringify from 'fast-json-stable-stringify';
import { describe, expect, it, vi } from 'vitest';
import { canonicalText } from '../src/canonical.ts';
import type { JsonValue } from '../src/events.ts';

describe('canonicalText', () => {
  it('is what fast-json-stable-stringify writes', () => {
    // Few different keys, so that they meet in one object: numbers, capitals, and what sorts oddly.
    const key = fc.oneof(
      fc.constantFrom('a', 'B', 'b', '', '10', '9', '09', '-1', '1e3', 'é', '😀', '\uffee', '_'),
      fc.string({ unit: 'binary' }),
    );
    const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.boolean(),
          fc.constant(null),
        ),
        fc.array(tie('value')),
        fc.dictionary(key, tie('value'), { maxKeys: 24 }),
      ),
    }));
    fc.assert(
      fc.property(value, (any) => {
        expect(canonicalText(any)).toBe(stringify(any));
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps what an object would reorder or swallow', () => {
    const odd = JSON.parse('{"b":1,"10":2,"9":3,"__proto__":{"x":1},"a":[{"1":0}]}') as JsonValue;
    expect(canonicalText(odd)).toBe('{"10":2,"9":3,"__proto__":{"x":1},"a":[{"1":0}],"b":1}');
  });

  it.each([
    '{"__proto__":{"x":1}}',
    '{"b":1,"__proto__":{"x":1},"a":2}',
    '[{"a":{"__proto__":1}}]',
    // Each sorts before a digit, and stands behind it in an object.
    ...Array.from({ length: 10 }, (_, digit) => `{"!":1,"${String(digit)}":2}`),
    '{"a":[1,{"b":{"!":1,"7":2}}]}',
    '{"a":{"!":1,"7":2},"b":1}',
  ])('keeps %s', (text) => {
    const odd = JSON.parse(text) as JsonValue;
    expect(canonicalText(odd)).toBe(stringify(odd));
  });

  it('lets V8 write whatever it would not reorder, which is the faster way', async () => {
    const slow = vi.fn(stringify);
    vi.resetModules();
    vi.doMock('fast-json-stable-stringify', () => ({ default: slow }));
    try {
      const { canonicalText } = await import('../src/canonical.ts');
      const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${String(i)}`, i]));
      for (const value of [
        null,
        'text',
        1.5,
        true,
        [],
        {},
        { b: [1, { d: null, c: 'x' }], a: many },
      ]) {
        expect(canonicalText(value)).toBe(stringify(value));
      }
      for (const key of ['/', ':', 'a', '', '_', 'proto']) canonicalText({ [key]: 1 });
      expect(slow).not.toHaveBeenCalled();
      canonicalText({ 7: 1 });
      expect(slow).toHaveBeenCalledOnce();
    } finally {
      vi.doUnmock('fast-json-stable-stringify');
    }
  });
});
