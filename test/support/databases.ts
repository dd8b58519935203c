import { randomBytes } from 'node:crypto';
import { PGlite } from '@electric-sql/pglite';
import { Client, Pool } from 'pg';
import type { StoredRow } from '../../src/testing/index.ts';

/** Where the server is, unless the environment says otherwise. */
export const POSTGRES_URL: string =
  process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

async function execute(sql: string, connectionString: string = POSTGRES_URL): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Why tests on a real server are skipped; under CI a missing one is a failure. */
export const missingPostgres: string | false = await (async () => {
  try {
    await execute('SELECT 1');
    return false;
  } catch (error) {
    if (process.env['CI']) throw error;
    console.warn('No PostgreSQL answers: its tests are skipped, and run on PGlite alone.');
    return 'no PostgreSQL answers';
  }
})();

/** An empty schema, which every connection made by {@link connectionString} looks into. */
export interface PostgresSchema {
  readonly name: string;
  readonly connectionString: string;
  /** Drops it. */
  readonly drop: () => Promise<void>;
}

/** Makes an empty schema, on another server than the usual one where that is said. */
export async function createSchema(
  prefix: string,
  server: string = POSTGRES_URL,
): Promise<PostgresSchema> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await execute(`CREATE SCHEMA ${name}`, server);
  const url = new URL(server);
  url.searchParams.set('options', `-c search_path=${name}`);
  return {
    name,
    connectionString: url.href,
    drop: () => execute(`DROP SCHEMA ${name} CASCADE`, server),
  };
}

/** A database of a test's own. */
export interface TestDatabase {
  /** What the store is given. */
  readonly pool: Pool | PGlite;
  readonly sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  /** Everything in it is gone, and the store may begin anew. */
  readonly clear: () => Promise<void>;
  readonly end: () => Promise<void>;
}

/** A schema of its own on the server. */
export async function openPostgres(
  options: { max?: number; binary?: boolean } = {},
): Promise<TestDatabase> {
  const { name, connectionString, drop } = await createSchema('his_test');
  const pool = new Pool({ connectionString, connectionTimeoutMillis: 5_000, ...options });
  return {
    pool,
    sql: async (text, values) => (await pool.query<Record<string, unknown>>(text, values)).rows,
    clear: async () => {
      await pool.query(`DROP SCHEMA ${name} CASCADE; CREATE SCHEMA ${name}`);
    },
    end: async () => {
      await pool.end();
      await drop();
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

/** The moment of a deletion, in UTC with nine digits, as every store's suite has it. */
export const READ_DELETED_AT = `to_char(his_deleted_at AT TIME ZONE 'UTC',
  'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"') AS his_deleted_at`;

/** The rows of a table, as the conformance suites read them. */
export function storedRows(database: TestDatabase, table: string): Promise<StoredRow[]> {
  return database.sql(`SELECT *, ${READ_DELETED_AT} FROM "${table}"`);
}
