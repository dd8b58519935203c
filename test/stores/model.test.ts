import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, it } from 'vitest';
import { memoryStore } from '../../src/stores/memory.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { missingPostgres } from '../support/databases.ts';
import { openPgliteEngine, openPostgresEngine } from './model-postgres.ts';
import {
  check,
  historyProperty,
  type OpenEngine,
  RUNS_FACTOR,
  TABLES,
  writersProperty,
} from './model.ts';

const cleanUps: (() => Promise<void>)[] = [];
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

async function openSqliteEngine(): ReturnType<typeof openPgliteEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  const path = join(folder, 'model.db');
  const writers = [1, 2, 3].map(() => sqliteStore({ path }));
  for (const writer of writers) await writer.prepare(TABLES);
  const reader = new DatabaseSync(path, { readOnly: true });
  return {
    engine: {
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
    },
    close: async () => {
      reader.close();
      for (const writer of writers) await writer.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One database for all runs, made by the first. */
function shared(opening: typeof openPgliteEngine): OpenEngine {
  let opened: ReturnType<OpenEngine> | undefined;
  return () =>
    (opened ??= opening().then(({ engine, close }) => {
      cleanUps.push(close);
      return engine;
    }));
}

const ENGINES: readonly [name: string, runs: number, open: OpenEngine, missing?: string | false][] =
  [
    ['memoryStore', 5_000, memory],
    ['sqliteStore', 1_000, shared(openSqliteEngine)],
    ['postgresStore', 300, shared(openPostgresEngine), missingPostgres],
    ['postgresStore on PGlite', 300, shared(openPgliteEngine)],
  ];

for (const [name, runs, open, missing = false] of ENGINES) {
  const title = missing === false ? name : `${name} (skipped: ${missing})`;
  const timeout = 60_000 * Math.max(1, RUNS_FACTOR);
  describe.skipIf(missing !== false)(`${title} equals the model`, () => {
    it('for any history of one writer', () => check(historyProperty(open), runs), timeout);
    it(
      'for any history of several writers at once',
      () => check(writersProperty(open), runs),
      timeout,
    );
  });
}
