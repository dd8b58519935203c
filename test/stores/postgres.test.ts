import { afterAll, beforeAll, describe, it } from 'vitest';
import { postgresStore } from '../../src/stores/postgres.ts';
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
  });
});
