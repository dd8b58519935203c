import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { postgresStore } from '../../src/stores/postgres.ts';
import { APPOINTMENT, changeOf } from '../../src/testing/changes.ts';
import type { Change } from '../../src/stores/types.ts';
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

    it('tells apart what a batch has alike and what it has not', async () => {
      const { store } = await open();
      await store.prepare([APPOINTMENT]);
      const change = (id: string, more: Partial<Change> = {}) => ({
        ...changeOf({ id, key: id, values: { status: id } }),
        ...more,
      });
      const alike = [change('a'), change('b')];
      const mixed = [
        change('c', { clientId: 'other', type: 'payment.failed', mappingVersion: 'v2' }),
        change('d', { form: 'shorthand' }),
        change('e', { row: null }),
        change('f'),
      ];
      expect(await store.commit(alike)).toEqual(['applied', 'applied']);
      expect(await store.commit(mixed)).toEqual(Array(4).fill('applied'));
      const stored: unknown[] = [];
      for await (const entry of store.find({})) stored.push(entry);
      const written = [...alike, ...mixed].map(
        ({
          clientId,
          eventId,
          type,
          occurredAt,
          receivedAt,
          digest,
          form,
          mappingVersion,
          row,
        }) => ({
          ...{ clientId, eventId, type, occurredAt, receivedAt, digest, form, mappingVersion },
          state: row === null ? 'declined' : 'applied',
        }),
      );
      expect(stored).toHaveLength(written.length);
      for (const entry of written) expect(stored).toContainEqual(expect.objectContaining(entry));
      const rows = await database.sql(
        `SELECT client_id, id, status FROM appointment ORDER BY client_id, id`,
      );
      expect(rows.map((row) => Object.values(row).join(' '))).toEqual([
        ...['a', 'b', 'd', 'f'].map((id) => `1001 ${id} ${id}`),
        'other c c',
      ]);
      await store.close();
    });
  });
});

describe.skipIf(missingPostgres !== false)('postgresStore on a connection of its own', () => {
  it('has a small batch planned once only when it comes often', async () => {
    const database = await openPostgres({ max: 1 });
    const store = postgresStore({ pool: database.pool, schema: 'auto' });
    try {
      await store.prepare([APPOINTMENT]);
      const planned = async () => {
        const [row] = await database.sql(`SELECT count(*)::int AS n FROM pg_prepared_statements`);
        return row?.['n'];
      };
      let events = 0;
      const commit = (values: Record<string, string>) => {
        const id = String(++events);
        return store.commit([changeOf({ id, key: id, values })]);
      };
      for (let i = 0; i < 8; i++) await commit({ status: 'x' });
      await commit({ status: 'x', note: 'y' });
      expect(await planned()).toBe(0);
      for (let i = 0; i < 8; i++) await commit({ status: 'x' });
      expect(await planned()).toBe(1);
    } finally {
      await store.close();
      await database.end();
    }
  });

  it('commits a batch with declined events, and of several tables, by one statement', async () => {
    const database = await openPostgres({ max: 1 });
    const store = postgresStore({ pool: database.pool, schema: 'auto' });
    try {
      await store.prepare([APPOINTMENT, { ...APPOINTMENT, table: 'visit' }]);
      const change = (id: string) => changeOf({ id, key: id, values: { status: id } });
      const visit = change('c');
      const query = vi.spyOn(Client.prototype, 'query');
      const verdicts = await store.commit([
        { ...change('a'), row: null },
        change('b'),
        { ...visit, row: { ...visit.row!, table: 'visit' } },
      ]);
      expect(query).toHaveBeenCalledOnce();
      query.mockRestore();
      expect(verdicts).toEqual(['applied', 'applied', 'applied']);
    } finally {
      await store.close();
      await database.end();
    }
  });
});
