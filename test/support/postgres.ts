/** A schema of its own on the PostgreSQL of this machine. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';

const SERVER = 'postgres://postgres@127.0.0.1:5432/postgres';

/** An empty schema, which every connection made by {@link connectionString} looks into. */
export interface PostgresSchema {
  readonly name: string;
  readonly connectionString: string;
  /** Drops it. */
  drop(): Promise<void>;
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
