import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { versionOf } from '../../src/merge.ts';
import {
  advanceAll,
  mergeVersions,
  versionNames,
  writeVersions,
} from '../../src/stores/sqlite/versions.ts';

const at = (second: number, eventId = 'e1') =>
  versionOf(`2025-01-08T12:00:0${String(second)}.000000000Z`, 'updated', eventId);
const parse = (text: string): unknown => JSON.parse(text);

/** In the order of the mapping, as a rule. */
const columns = fc.oneof(
  { weight: 4, arbitrary: fc.subarray(['a', 'b', 'status', 'his_deleted_at', 'ä', '__proto__']) },
  fc.uniqueArray(fc.constantFrom('a', 'b', 'his_deleted_at', '7', 'a"b'), { maxLength: 5 }),
);
const version = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('e1', 'e2') },
      fc.constantFrom('e"3', 'e\\4', 'ü', '\u2028'),
    ),
  )
  .map(([second, eventId]) => at(second, eventId));
const stored = columns.chain((names) =>
  fc
    .tuple(...names.map(() => version))
    .map((versions) =>
      JSON.stringify(Object.fromEntries(names.map((name, i) => [name, versions[i]]))),
    ),
);
/** As somebody else might have left it. */
const mangled = fc
  .tuple(
    stored,
    fc.nat(),
    fc.nat({ max: 2 }),
    fc.constantFrom('', '"', ',', '}', ' ', '"a":"', '5'),
  )
  .map(([text, place, length, piece]) => {
    const start = place % (text.length + 1);
    return text.slice(0, start) + piece + text.slice(start + length);
  });
/** JSON in which a name stands twice. */
const twice = fc
  .tuple(stored, stored)
  .map(([a, b]) => (a === '{}' || b === '{}' ? a : `${a.slice(0, -1)},${b.slice(1)}`));

describe('advanceAll', () => {
  it.each([
    ['stored', stored, true],
    ['twice', twice, true],
    ['mangled', mangled, false],
  ] as const)('equals the merge wherever it has an answer: %s', (_, texts, isJson) => {
    let answers = 0;
    fc.assert(
      fc.property(texts, columns, version, (text, names, newer) => {
        const advanced = advanceAll(text, versionNames(names), newer);
        if (advanced === undefined) return;
        answers++;
        try {
          parse(text);
        } catch (error) {
          // The same fault is in what was made of it.
          if (isJson) throw error;
          expect(() => parse(advanced)).toThrow();
          return;
        }
        const { winners, merged } = mergeVersions(text, names, newer);
        expect(winners).toEqual(names);
        expect(parse(advanced)).toEqual(parse(merged));
      }),
      { numRuns: 10_000 },
    );
    expect(answers).toBeGreaterThan(100);
  });

  it('has an answer for patches of what is there, whichever columns they carry', () => {
    const names = versionNames(['a', 'b', 'c', 'his_deleted_at']);
    const created = writeVersions(names, at(0));
    const patched = advanceAll(created, versionNames(['a', 'c']), at(1))!;
    expect(parse(patched)).toEqual({ a: at(1), b: at(0), c: at(1), his_deleted_at: at(0) });
    expect(advanceAll(patched, names, at(1))).toBe(writeVersions(names, at(1)));
    // An equal version is the same event.
    expect(advanceAll(patched, versionNames(['b']), at(0))).toBe(patched);
  });

  it.each([
    ['a column is newer', '{"a":"z","b":""}', ['a', 'b']],
    ['a column is new', '{"a":""}', ['a', 'b']],
    ['the columns are in another order', '{"b":"","a":""}', ['a', 'b']],
    ['a column is there twice', '{"a":"","a":""}', ['a']],
    ['it carries no column', '{"a":""}', []],
    ['nothing is stored', '{}', ['a']],
    ['a version is no text', '{"a":"","b":5}', ['a']],
    ['it has escapes', '{"a":"\\"","b":""}', ['b']],
    ['it is no object', '["a"]', ['a']],
    ['it ends early', '{"a":""', ['a']],
    ['it does not end', '{"a":""}}', ['a']],
  ])('has none where %s', (_, text, names) => {
    expect(advanceAll(text, versionNames(names), at(1))).toBeUndefined();
  });

  it('has none for a version that JSON would escape', () => {
    expect(advanceAll('{"a":""}', versionNames(['a']), at(1, 'e"1'))).toBeUndefined();
  });
});

describe('writeVersions', () => {
  it('is JSON, whatever is in a name or an id', () => {
    fc.assert(
      fc.property(columns, version, (names, one) => {
        const entries = names.map((name) => [name, one] as const);
        expect(parse(writeVersions(versionNames(names), one))).toEqual(
          parse(JSON.stringify(Object.fromEntries(entries))),
        );
      }),
    );
  });
});
