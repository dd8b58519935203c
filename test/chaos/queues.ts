/** Where a sender of the chaos harness keeps its rows and its events: one database for both. */
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { pgBossOutbox } from '../../src/outboxes/pg-boss.ts';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import type { Outbox } from '../../src/sender/outbox.ts';
import { POSTGRES_URL } from '../support/databases.ts';

/** A database of a hospital's system. */
export interface Queue<Transaction> {
  readonly outbox: Outbox<Transaction>;
  /** Writes row `n` and enqueues its event in one transaction, which commits or is rolled back. */
  write(
    n: number,
    commits: boolean,
    enqueue: (transaction: Transaction) => Promise<unknown>,
  ): Promise<void>;
  /** How many rows there are. */
  written(): Promise<number>;
  close(): Promise<void>;
}

const { CHAOS_OUTBOX = '', CHAOS_BOSS = '', CHAOS_SENDER = '' } = process.env;

/** Opens the one that the environment names: a file, or a schema that several senders share. */
export function openQueue(): Promise<Queue<unknown>> {
  return CHAOS_BOSS === '' ? openSqlite() : openPgBoss();
}

async function openPgBoss(): Promise<Queue<pg.ClientBase>> {
  const client = new pg.Client({ connectionString: POSTGRES_URL });
  await client.connect();
  const table = `${CHAOS_BOSS}.visit_${CHAOS_SENDER}`;
  await client.query(`CREATE TABLE IF NOT EXISTS ${table} (n int PRIMARY KEY)`);
  const boss = new PgBoss({ connectionString: POSTGRES_URL, schema: CHAOS_BOSS, max: 4 });
  boss.on('error', console.error);
  await boss.start();
  const outbox = pgBossOutbox({ boss, schema: CHAOS_BOSS });
  const insert = (n: number) => client.query(`INSERT INTO ${table} VALUES ($1)`, [n]);
  return {
    outbox,
    async write(n, commits, enqueue) {
      await client.query('BEGIN');
      await insert(n);
      await enqueue(client);
      await client.query(commits ? 'COMMIT' : 'ROLLBACK');
      if (!commits) await insert(n);
    },
    written: async () => {
      const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`);
      return Number(rows[0]!.n);
    },
    async close() {
      await outbox.close();
      await boss.stop({ graceful: false });
      await client.end();
    },
  };
}

function openSqlite(): Promise<Queue<DatabaseSync>> {
  const database = new DatabaseSync(CHAOS_OUTBOX);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000');
  database.exec('CREATE TABLE IF NOT EXISTS visit (n INTEGER PRIMARY KEY)');
  const outbox = sqliteOutbox({ path: CHAOS_OUTBOX });
  return Promise.resolve({
    outbox,
    async write(n, commits, enqueue) {
      database.exec('BEGIN IMMEDIATE');
      database.prepare('INSERT INTO visit VALUES (?)').run(n);
      const enqueued = enqueue(database);
      database.exec(commits ? 'COMMIT' : 'ROLLBACK');
      await enqueued;
      // So that it is known that it was tried.
      if (!commits) database.prepare('INSERT INTO visit VALUES (?)').run(n);
    },
    written: () => {
      const row = database.prepare('SELECT count(*) AS n FROM visit').get() as { n: number };
      return Promise.resolve(row.n);
    },
    async close() {
      await outbox.close();
      database.close();
    },
  });
}
