import fc from 'fast-check';
import stringify from 'fast-json-stable-stringify';
import { describe, expect, it } from 'vitest';
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
});
