/**
 * The receiver's side of Postgres: stands between the store and `pg`, and can kill the process
 * around the statement that commits. The store itself is the real one.
 */
import pg from 'pg';
import { postgresStore } from '../../src/stores/postgres.ts';
import type { EventStore } from '../../src/stores/types.ts';

import { reached } from './moments.ts';

type Query = (...args: unknown[]) => Promise<unknown>;

/** Connections that have claimed something inside a transaction that is still open. */
const inTransaction = new WeakMap<pg.Client, boolean>();

/** Whether what is sent makes a claim durable: a COMMIT, or a statement outside of a transaction. */
function isCommit(client: pg.Client, text: string): boolean {
  const isClaim = /\bINSERT INTO his_events\b/i.test(text);
  const hasClaimed = inTransaction.get(client);
  if (/^\s*BEGIN\b/i.test(text)) inTransaction.set(client, false);
  else if (/^\s*(COMMIT|ROLLBACK)\s*$/i.test(text)) inTransaction.delete(client);
  else if (hasClaimed === undefined) return isClaim;
  else inTransaction.set(client, hasClaimed || isClaim);
  return hasClaimed === true && /^\s*COMMIT\b/i.test(text);
}

let pool: pg.Pool | undefined;

/** Opens the store under test on a schema. */
export function openPostgres(connectionString: string): EventStore {
  const { prototype } = pg.Client as unknown as { prototype: { query: Query } };
  const { query } = prototype;
  prototype.query = function (this: pg.Client, ...args: unknown[]): Promise<unknown> {
    const [first] = args as [string | { text?: string }];
    const text = typeof first === 'string' ? first : (first.text ?? '');
    // A caller that hands over a callback is the pool's own query(), which the store does not use.
    if (!isCommit(this, text) || typeof args.at(-1) === 'function') return query.apply(this, args);
    reached('before');
    const answer = query.apply(this, args);
    setImmediate(() => {
      reached('during');
    });
    return answer.then((result) => {
      reached('after');
      return result;
    });
  };
  pool = new pg.Pool({ connectionString, max: 8, connectionTimeoutMillis: 5_000 });
  return postgresStore({ pool, schema: 'auto' });
}

/** How durable the pool's connections are. */
export async function postgresSettings(): Promise<Record<string, unknown>> {
  const { rows } = await pool!.query<Record<string, unknown>>(
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('full_page_writes') AS full_page_writes`,
  );
  return rows[0]!;
}
