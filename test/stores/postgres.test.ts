import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresStore } from '../../src/stores/postgres.ts';
import { APPOINTMENT, changeOf } from '../../src/testing/changes.ts';
import { eventStoreSuite, type OpenEventStore } from '../../src/testing/event-store.ts';
import {
  missingPostgres,
  openPglite,
  openPostgres,
  storedRows,
  type TestDatabase,
} from '../support/databases.ts';

/** What a column of type text makes of a value. */
const asText = (value: unknown) =>
  value === null || typeof value === 'string' ? value : JSON.stringify(value);

describe.each([
  { name: 'PostgreSQL', open: openPostgres, skip: missingPostgres !== false },
  { name: 'PGlite', open: openPglite, skip: false },
])('postgresStore on $name', ({ open: openDatabase, skip }) => {
  describe.skipIf(skip)('as every store', () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await openDatabase();
    });
    afterAll(() => database.end());

    const open: OpenEventStore = async (options) => {
      await database.clear();
      return {
        store: postgresStore({ pool: database.pool, schema: 'auto', ...options }),
        rows: (table) => storedRows(database, table),
        stored: asText,
      };
    };
    for (const { name, run } of eventStoreSuite(open)) it(name, run);

    it('claims no event in vain once most of a batch were duplicates', async () => {
      const { store } = await open();
      await store.prepare([APPOINTMENT]);
      const change = (id: string, status = 'x') => changeOf({ id, key: id, values: { status } });
      await store.commit(['a', 'b', 'c'].map((id) => change(id)));
      // A claim in vain locks the entry, which its xmax tells.
      const locked = async () => {
        const sql = `SELECT event_id FROM his_events WHERE xmax <> 0 ORDER BY event_id`;
        return (await database.sql(sql)).map((row) => row['event_id']);
      };
      expect(await store.commit([change('a')])).toEqual(['duplicate']);
      expect(await locked()).toEqual(['a']);
      const mixed = [change('b'), change('c', 'y'), change('d'), change('b'), change('a')];
      expect(await store.commit(mixed)).toEqual([
        'duplicate',
        'conflict',
        'applied',
        'duplicate',
        'duplicate',
      ]);
      expect(await locked()).toEqual(['a']);
      await store.close();
    });
  });
});
