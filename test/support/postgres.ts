/** A schema of its own on the PostgreSQL of this machine, and the store to test on it. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { EventStore } from '../../src/stores/types.ts';

const SERVER = 'postgres://postgres@127.0.0.1:5432/postgres';

/** An empty schema, which every connection made by {@link connectionString} looks into. */
export interface PostgresSchema {
  readonly name: string;
  readonly connectionString: string;
  /** Drops it. */
  readonly drop: () => Promise<void>;
}

/** Makes an empty schema. */
export async function createSchema(prefix: string): Promise<PostgresSchema> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await execute(`CREATE SCHEMA ${name}`);
  return {
    name,
    connectionString: `${SERVER}?options=${encodeURIComponent(`-c search_path=${name}`)}`,
    drop: () => execute(`DROP SCHEMA ${name} CASCADE`),
  };
}

async function execute(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: SERVER, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Why a test that needs the server is skipped; under CI a missing one is a failure. */
export async function missingPostgres(): Promise<string | false> {
  try {
    await execute('SELECT 1');
    return false;
  } catch (error) {
    if (process.env['CI']) throw error;
    return 'no PostgreSQL on 127.0.0.1:5432';
  }
}

/** Why a test of the store is skipped. */
export async function missingPostgresStore(): Promise<string | false> {
  return hasPostgresStore ? missingPostgres() : 'there is no store for it yet';
}

const STORE = new URL('../../src/stores/postgres.ts', import.meta.url);

/** Whether there is a store to test. */
export const hasPostgresStore: boolean = existsSync(STORE);

/** Opens the store under test. */
export async function openPostgresStore(pool: pg.Pool | PGlite): Promise<EventStore> {
  const { postgresStore } = (await import(STORE.href)) as {
    postgresStore: (options: { pool: pg.Pool | PGlite; schema: 'auto' }) => EventStore;
  };
  return postgresStore({ pool, schema: 'auto' });
}

/** The moment of a deletion, in UTC with nine digits, as every store's suite has it. */
export const READ_DELETED_AT = `to_char(his_deleted_at AT TIME ZONE 'UTC',
  'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"') AS his_deleted_at`;
