import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atVersion,
  DELETED_AT,
  mergeChanges,
  type VersionedValues,
  versionOf,
} from '../src/merge.ts';

const NOTHING: VersionedValues = { values: {}, versions: {} };
const at = (second: number) => `2025-01-08T12:00:0${String(second)}.000000000Z`;

const operations = ['created', 'updated', 'deleted', 'successful'] as const;

/** Patches on one row, with many ties in time; a version is unique to its event. */
const history = fc
  .array(
    fc.record({
      second: fc.integer({ min: 0, max: 2 }),
      operation: fc.constantFrom(...operations),
      values: fc.dictionary(
        fc.constantFrom('a', 'b', 'c', 'constructor', 'toString'),
        fc.oneof(fc.integer(), fc.constant(null)),
      ),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((events) =>
    events.map(({ second, operation, values }, index) =>
      atVersion({ ...values }, versionOf(at(second), operation, `evt_${String(index)}`)),
    ),
  );

const fold = (changes: readonly VersionedValues[]) => changes.reduce(mergeChanges, NOTHING);

describe('mergeChanges', () => {
  it('gives one row for every order and any repeats', () => {
    fc.assert(
      fc.property(
        history.chain((changes) =>
          fc.tuple(
            fc.constant(changes),
            fc.shuffledSubarray([...changes, ...changes], { minLength: changes.length * 2 }),
          ),
        ),
        ([changes, shuffled]) => {
          expect(fold(shuffled)).toEqual(fold(changes));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('may be grouped in any way', () => {
    fc.assert(
      fc.property(history, history, history, (a, b, c) => {
        const [x, y, z] = [fold(a), fold(b), fold(c)] as const;
        // The three histories share versions; equal ones must carry equal values to be one event.
        fc.pre(!collide(x, y) && !collide(y, z) && !collide(x, z));
        expect(mergeChanges(mergeChanges(x, y), z)).toEqual(mergeChanges(x, mergeChanges(y, z)));
      }),
    );
  });

  it('keeps in each column the value with the highest version', () => {
    const created = atVersion({ status: 'open', room: 1 }, versionOf(at(1), 'created', 'e1'));
    const late = atVersion({ status: 'done' }, versionOf(at(0), 'updated', 'e2'));
    const newer = atVersion({ room: 2 }, versionOf(at(2), 'updated', 'e3'));
    expect(fold([newer, late, created]).values).toEqual({ status: 'open', room: 2 });
  });

  it('lets an equal version overwrite: a replay under a mended mapping', () => {
    const version = versionOf(at(1), 'created', 'e1');
    const before = atVersion({ a: 'wrong', b: 1 }, version);
    const after = atVersion({ a: 'right' }, version);
    expect(mergeChanges(before, after).values).toEqual({ a: 'right', b: 1 });
  });

  it('changes neither of its arguments', () => {
    const older = Object.freeze(atVersion(Object.freeze({ a: 1 }), 'v1'));
    const newer = Object.freeze(atVersion(Object.freeze({ a: 2 }), 'v2'));
    expect(mergeChanges(older, newer).values).toEqual({ a: 2 });
    expect(older.values).toEqual({ a: 1 });
  });
});

describe('DELETED_AT', () => {
  it('is the column of docs/stores.md', () => {
    expect(DELETED_AT).toBe('his_deleted_at');
  });
});

describe('versionOf', () => {
  it('is time, rank and event_id as one text', () => {
    expect(versionOf(at(0), 'created', 'e1')).toBe('2025-01-08T12:00:00.000000000Z/0/e1');
    expect(versionOf(at(0), 'updated', 'e1')).toBe('2025-01-08T12:00:00.000000000Z/1/e1');
    expect(versionOf(at(0), 'deleted', 'e1')).toBe('2025-01-08T12:00:00.000000000Z/2/e1');
  });

  it('orders by time, then rank, then event_id bytewise', () => {
    const ordered = [
      versionOf(at(0), 'deleted', 'zzz'),
      versionOf(at(1), 'created', 'b'),
      versionOf(at(1), 'updated', 'Z'),
      versionOf(at(1), 'failed', 'a'),
      versionOf(at(1), 'moved', 'a0'),
      versionOf(at(1), 'deleted', '!'),
      versionOf(at(2), 'created', '!'),
    ];
    expect([...ordered].sort()).toEqual(ordered);
    expect([...ordered].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))).toEqual(
      ordered,
    );
  });
});

function collide(a: VersionedValues, b: VersionedValues): boolean {
  return Object.keys(a.versions).some(
    (column) => a.versions[column] === b.versions[column] && a.values[column] !== b.values[column],
  );
}
