import assert from 'node:assert/strict';
import type { JsonObject } from '../events.ts';
import type { PersistenceStore, Verdict } from '../stores/types.ts';
import { APPOINTMENT, rowChangeOf } from './changes.ts';
import { assertFirstRow, at, ROW_RULES, type RowsHarness, type RowTarget } from './rows.ts';
import { casesOf, type ConformanceCase, type Rule } from './suite.ts';

/** A fresh store, and a look into its tables that does not go through it. */
export interface PersistenceStoreHarness extends RowsHarness {
  readonly store: PersistenceStore;
  /**
   * Makes table `appointment`, which is there by then, refuse some rows, and gives `values` that it
   * refuses (columns `status`, `room`, `note`). Leave it out where no row can be refused.
   */
  readonly refuse?: () => Promise<JsonObject>;
}

/**
 * Makes harnesses; each has an empty database of its own, and a store that is free to create the
 * tables that `prepare` names.
 */
export type OpenPersistenceStore = () => Promise<PersistenceStoreHarness>;

/**
 * What every {@link PersistenceStore} must do, one case a rule; each throws where the store is wrong.
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { memoryPersistence } from '@buktor/his-webhook/stores/memory';
 * import { persistenceStoreSuite } from '@buktor/his-webhook/testing';
 *
 * const suite = persistenceStoreSuite(() => {
 *   const store = memoryPersistence();
 *   return Promise.resolve({ store, rows: (table) => Promise.resolve(store.rows(table)) });
 * });
 * for (const { name, run } of suite) test(name, run);
 * ```
 */
export function persistenceStoreSuite(open: OpenPersistenceStore): readonly ConformanceCase[] {
  return [
    ...casesOf(RULES, open, opened),
    ...casesOf(ROW_RULES, open, async (open) => rowTarget(await opened(open))),
  ];
}

async function opened(open: OpenPersistenceStore): Promise<PersistenceStoreHarness> {
  const harness = await open();
  await harness.store.prepare([APPOINTMENT]);
  return harness;
}

function rowTarget({ store, ...harness }: PersistenceStoreHarness): RowTarget {
  return {
    ...harness,
    prepare: (tables) => store.prepare(tables),
    async write(changes) {
      const verdicts: Verdict[] = [];
      for (const change of changes) verdicts.push(await store.apply(change));
      return verdicts;
    },
  };
}

const RULES: readonly Rule<PersistenceStoreHarness>[] = [
  {
    name: 'writes a row with its bookkeeping, and the same again when the change is repeated',
    async run({ store, rows }) {
      const change = rowChangeOf({ id: 'e1', operation: 'created', values: { status: 'open' } });
      for (let repeat = 0; repeat < 3; repeat++) {
        assert.equal(await store.apply(change), 'applied');
        assertFirstRow(await rows('appointment'), change);
      }
    },
  },
  {
    name: 'writes an event over its own values, as a replay under a mended mapping does',
    async run({ store, rows }) {
      await store.apply(
        rowChangeOf({ id: 'e1', at: at(1), values: { status: 'wrong', room: '1' } }),
      );
      await store.apply(rowChangeOf({ id: 'e2', at: at(2), values: { room: '2' } }));
      const mended = rowChangeOf({ id: 'e1', at: at(1), values: { status: 'right', room: '9' } });
      assert.equal(await store.apply(mended), 'applied');
      const [row] = await rows('appointment');
      assert.deepEqual([row!['status'], row!['room']], ['right', '2']);
    },
  },
  {
    name: 'writes nothing of a row that the table refuses, and says so',
    async run({ store, rows, refuse }) {
      if (refuse === undefined) return;
      await store.apply(rowChangeOf({ id: 'e1', key: 'A1', at: at(1), values: { status: 'a' } }));
      const before = await rows('appointment');
      const values = await refuse();
      for (const key of ['A1', 'A2']) {
        const verdict = await store.apply(rowChangeOf({ id: 'e2', key, at: at(2), values }));
        assert.ok(typeof verdict === 'object', 'the verdict is rejected');
        assert.equal(typeof verdict.rejected, 'string');
        for (const value of Object.values(values)) {
          if (typeof value === 'string') assert.ok(!verdict.rejected.includes(value), 'no value');
        }
      }
      assert.deepEqual(await rows('appointment'), before);
      const next = rowChangeOf({ id: 'e3', at: at(3), values: { status: 'b' } });
      assert.equal(await store.apply(next), 'applied');
    },
  },
];
