import { PGlite } from '@electric-sql/pglite';
import { Pool } from 'pg';
import type { StoredRow } from '../../src/testing/index.ts';

/** Where the server is, unless the environment says otherwise. */
export const POSTGRES_URL: string =
  process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** Why tests on a real server are skipped; under CI a missing one is a failure. */
export const missingPostgres: string | false = await (async () => {
  const pool = new Pool({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 2_000 });
  try {
    await pool.query('SELECT 1');
    return false;
  } catch (error) {
    if (process.env['CI']) throw error;
    console.warn('No PostgreSQL answers: its tests are skipped, and run on PGlite alone.');
    return 'no PostgreSQL answers';
  } finally {
    await pool.end();
  }
})();

/** A database of a test's own. */
export interface TestDatabase {
  /** What the store is given. */
  readonly pool: Pool | PGlite;
  readonly sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  /** Everything in it is gone, and the store may begin anew. */
  readonly clear: () => Promise<void>;
  readonly end: () => Promise<void>;
}

let schemas = 0;

/** A schema of its own on the server. */
export async function openPostgres(options: { max?: number } = {}): Promise<TestDatabase> {
  const schema = `his_test_${String(process.pid)}_${String(Date.now())}_${String(++schemas)}`;
  const pool = new Pool({
    connectionString: POSTGRES_URL,
    connectionTimeoutMillis: 5_000,
    options: `-c search_path=${schema}`,
    ...options,
  });
  await pool.query(`CREATE SCHEMA ${schema}`);
  return {
    pool,
    sql: async (text, values) => (await pool.query<Record<string, unknown>>(text, values)).rows,
    clear: async () => {
      await pool.query(`DROP SCHEMA ${schema} CASCADE`);
      await pool.query(`CREATE SCHEMA ${schema}`);
    },
    end: async () => {
      await pool.query(`DROP SCHEMA ${schema} CASCADE`);
      await pool.end();
    },
  };
}

/** An embedded database. */
export async function openPglite(): Promise<TestDatabase> {
  const pool = await PGlite.create();
  return {
    pool,
    sql: async (text, values) => (await pool.query<Record<string, unknown>>(text, values)).rows,
    clear: async () => {
      await pool.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    },
    end: () => pool.close(),
  };
}

/** The rows of a table, as the conformance suites read them. */
export async function storedRows(database: TestDatabase, table: string): Promise<StoredRow[]> {
  const rows = await database.sql(`SELECT *,
      to_char(his_deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"') AS his_deleted_at
    FROM "${table}"`);
  return rows;
}
