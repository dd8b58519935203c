import { expect, test } from 'vitest';
import { migrations, postgresStore } from '../../src/stores/postgres.ts';
import { VISITS, visitEvent } from '../bench/workload.ts';
import { missingPostgres } from '../support/databases.ts';
import { scratchPostgres } from '../support/postgres.ts';

test.skipIf(missingPostgres)('his_events may be partitioned by client', async () => {
  const { pool, sql } = await scratchPostgres();
  // What docs/scaling.md says to do with the migrations.
  const inbox = /(CREATE TABLE IF NOT EXISTS his_events [^;]+);/;
  await sql(migrations([VISITS]).replace(inbox, '$1 PARTITION BY HASH (client_id);'));
  for (const remainder of ['0', '1', '2', '3']) {
    await sql(
      `CREATE TABLE his_events_${remainder} PARTITION OF his_events
         FOR VALUES WITH (MODULUS 4, REMAINDER ${remainder})`,
    );
  }
  const store = postgresStore({ pool, schema: 'managed' });
  await store.prepare([VISITS]);

  const events = Array.from({ length: 100 }, (_, n) => ({
    ...visitEvent(n, `evt_${String(n)}`, 1_000),
    clientId: String(1001 + (n % 9)),
  }));
  expect(await store.commit(events)).toEqual(events.map(() => 'applied'));
  expect(await store.commit(events)).toEqual(events.map(() => 'duplicate'));
  const partitions = await sql(
    `SELECT DISTINCT tableoid::regclass::text AS name FROM his_events ORDER BY 1`,
  );
  expect(partitions.length).toBeGreaterThan(1);
  await store.prune({ keysBefore: new Date('2099-01-01') });
  expect(await sql('SELECT * FROM his_events')).toEqual([]);
});
