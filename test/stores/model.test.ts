import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, it } from 'vitest';
import { memoryStore } from '../../src/stores/memory.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import {
  check,
  historyProperty,
  type OpenEngine,
  RUNS_FACTOR,
  TABLES,
  writersProperty,
} from './model.ts';

const cleanUps: (() => void | Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** What a table shows of columns that were never set. */
const EMPTY = new Map(
  TABLES.map(({ table, columns }) => [
    table,
    Object.fromEntries([...columns, 'his_deleted_at'].map((column) => [column, null])),
  ]),
);

/** A fresh store for each run: one that has many rows is slow to look through. */
const memory: OpenEngine = async () => {
  const store = memoryStore();
  await store.prepare(TABLES);
  return {
    writers: [store, store, store],
    rows: (table) =>
      Promise.resolve(store.rows(table).map((row) => ({ ...EMPTY.get(table), ...row }))),
  };
};

/** One file for all runs. */
function sqlite(): OpenEngine {
  const open = async (): ReturnType<OpenEngine> => {
    const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
    const path = join(folder, 'model.db');
    const writers = [1, 2, 3].map(() => sqliteStore({ path }));
    for (const writer of writers) await writer.prepare(TABLES);
    const reader = new DatabaseSync(path, { readOnly: true });
    cleanUps.push(async () => {
      reader.close();
      for (const writer of writers) await writer.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return {
      writers,
      rows: (table, clientIds) => {
        const places = clientIds.map(() => '?').join(', ');
        const rows = reader
          .prepare(`SELECT * FROM ${table} WHERE client_id IN (${places})`)
          .all(...clientIds);
        return Promise.resolve(
          rows.map((row) => ({
            ...row,
            his_versions: JSON.parse(row['his_versions'] as string) as unknown,
          })),
        );
      },
    };
  };
  let opened: ReturnType<OpenEngine> | undefined;
  return () => (opened ??= open());
}

const ENGINES: readonly [name: string, runs: number, open: OpenEngine][] = [
  ['memoryStore', 5_000, memory],
  ['sqliteStore', 1_000, sqlite()],
];

describe.each(ENGINES)('%s equals the model', (_, runs, open) => {
  const timeout = 60_000 * RUNS_FACTOR;
  it(
    'for any history of one writer',
    async () => {
      await check(historyProperty(open), runs);
    },
    timeout,
  );

  it(
    'for any history of several writers at once',
    async () => {
      await check(writersProperty(open), runs);
    },
    timeout,
  );
});
