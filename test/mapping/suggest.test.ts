import { describe, expect, it } from 'vitest';
import { didYouMean } from '../../src/mapping/suggest.ts';

describe('didYouMean', () => {
  it.each<[string, string[], string]>([
    ['feilds', ['table', 'fields'], '; did you mean "fields"?'],
    ['FIELDS', ['fields'], '; did you mean "fields"?'],
    ['Kolkata', ['Asia/Calcutta', 'Asia/Kolkata'], '; did you mean "Asia/Kolkata"?'],
    ['visit-satus', ['visit-status', 'visit-state'], '; did you mean "visit-status"?'],
    ['colour', ['table', 'fields'], ''],
    ['x', ['to'], ''],
    ['', ['to', 'Asia/'], ''],
    ['a', [], ''],
  ])('%j of %j: %s', (name, known, hint) => {
    expect(didYouMean(name, known)).toBe(hint);
  });

  it('does not compare what is long, which would take quadratic time', () => {
    expect(didYouMean('a'.repeat(65), ['a'.repeat(64)])).toBe('');
    expect(didYouMean('a'.repeat(64), ['a'.repeat(65)])).toBe('');
    expect(didYouMean('a'.repeat(64), ['a'.repeat(63)])).not.toBe('');
  });
});
