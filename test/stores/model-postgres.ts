/** Postgres and PGlite for the properties of the model. */
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { JsonValue } from '../../src/events.ts';
import type { StoredRow } from '../../src/testing/suite.ts';
import { postgresStore } from '../../src/stores/postgres.ts';
import { createSchema, READ_DELETED_AT } from '../support/databases.ts';
import { type ModelEngine, TABLES } from './model.ts';

/** An engine, and what lets go of it. */
interface OpenedEngine {
  readonly engine: ModelEngine;
  readonly close: () => Promise<void>;
}

/** A schema of its own, and writers that each have a pool. */
export async function openPostgresEngine(): Promise<OpenedEngine> {
  const { connectionString, drop } = await createSchema('his_model');
  const pools = [1, 2, 3].map(
    () => new pg.Pool({ connectionString, max: 2, connectionTimeoutMillis: 5_000 }),
  );
  return {
    engine: await engineOf(pools, (sql, values) => pools[0]!.query<StoredRow>(sql, values)),
    close: async () => {
      for (const pool of pools) await pool.end();
      await drop();
    },
  };
}

/** A database in this process, which has one connection for all writers. */
export async function openPgliteEngine(): Promise<OpenedEngine> {
  const database = new PGlite();
  return {
    engine: await engineOf([database, database, database], (sql, values) =>
      database.query<StoredRow>(sql, values),
    ),
    close: () => database.close(),
  };
}

async function engineOf(
  pools: readonly (pg.Pool | PGlite)[],
  query: (sql: string, values: unknown[]) => Promise<{ rows: StoredRow[] }>,
): Promise<ModelEngine> {
  const writers = pools.map((pool) => postgresStore({ pool, schema: 'auto' }));
  for (const writer of writers) await writer.prepare(TABLES);
  return {
    writers,
    stored,
    rows: async (table, clientIds) => {
      const sql = `SELECT *, ${READ_DELETED_AT} FROM "${table}" WHERE client_id = ANY ($1)`;
      const { rows } = await query(sql, [clientIds]);
      return rows.map((row) => ({ ...row }));
    },
  };
}

/** Columns are made as text, and the tombstone has room for six digits of a second. */
function stored(value: JsonValue, column: string): unknown {
  if (typeof value === 'number') return String(value);
  if (column !== 'his_deleted_at' || typeof value !== 'string') return value;
  const [second = '', fraction = ''] = value.split('.');
  const micros = Math.round(Number(fraction.slice(0, 9)) / 1_000);
  const carried = Date.parse(`${second}Z`) + (micros === 1_000_000 ? 1_000 : 0);
  const digits = String(micros % 1_000_000).padStart(6, '0');
  return `${new Date(carried).toISOString().slice(0, 19)}.${digits}000Z`;
}
