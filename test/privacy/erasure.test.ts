import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pgBossOutbox } from '../../src/outboxes/pg-boss.ts';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import type { Outbox } from '../../src/sender/outbox.ts';
import { postgresStore } from '../../src/stores/postgres.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import type { EventStore, InboxStore } from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf, refusalOf } from '../../src/testing/changes.ts';
import { BetterDatabase } from '../support/better-sqlite3.ts';
import { createSchema, missingPostgres, POSTGRES_URL } from '../support/databases.ts';
import { scratchPostgres } from '../support/postgres.ts';
import { scratchFolder } from '../support/process.ts';
import { marker } from './canary.ts';

/** Bodies of every size a page is filled with in its own way, from one cell to many overflow pages. */
const SIZES: readonly number[] = [40, 300, 1_500, 4_000, 9_000, 70_000];
const MARK: string = marker();

/** Does not compress, and has the marker throughout. */
function bodyOf(size: number): Buffer {
  let text = '';
  while (text.length < size) text += `${MARK} ${randomBytes(24).toString('base64')} `;
  return Buffer.from(text);
}

const bodies = (count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, n) => bodyOf(SIZES[n % SIZES.length]!));

type Store = EventStore & InboxStore;

/** Ways in which a store erases bodies that it held. */
const ERASURES: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  'bodies past their retention': async (store) => {
    for (const [n, body] of bodies(120).entries()) {
      await store.commit([
        { ...changeOf({ id: `e${String(n)}`, key: `A${String(n % 9)}` }), body },
      ]);
    }
  },
  'bodies in quarantine that a resend replaced': async (store) => {
    for (const round of [true, false]) {
      for (const [n, body] of bodies(60).entries()) {
        const event = refusalOf(changeOf({ id: `e${String(n)}` }));
        await store.quarantine({
          ...event,
          body: round ? body : Buffer.from(`{"n":${String(n)}}`),
        });
      }
    }
  },
  'bodies in quarantine that were processed after all': async (store) => {
    for (const [n, body] of bodies(60).entries()) {
      const change = changeOf({ id: `e${String(n)}` });
      await store.quarantine({ ...refusalOf(change), body });
      await store.commit([{ ...change, body: Buffer.from('{}') }]);
    }
  },
  'entries that are forgotten': async (store) => {
    for (const [n, body] of bodies(60).entries()) {
      await store.commit([{ ...changeOf({ id: `e${String(n)}` }), body }]);
    }
  },
};

const FUTURE = new Date('2100-01-01');
const PAST = { bodiesBefore: FUTURE };
const policyOf = (what: string): object =>
  what.startsWith('entries') ? { keysBefore: FUTURE } : PAST;
const FILES = ['', '-wal', '-shm', '-journal'];

/** In how many of a database's files the marker is found. */
function filesWithMark(path: string): readonly string[] {
  return FILES.filter(
    (suffix) => existsSync(path + suffix) && readFileSync(path + suffix).includes(MARK),
  );
}

describe.each([
  ['a file of its own', (path: string) => ({ path })],
  [
    'a database of the host’s that has secure_delete on',
    (path: string) => {
      const database = new BetterDatabase(path);
      onTestFinished(() => {
        database.close();
      });
      database.exec('PRAGMA secure_delete = ON');
      return { database };
    },
  ],
])('SQLite, in %s, keeps nothing of', (_, target) => {
  it.each(Object.keys(ERASURES))('%s', async (what) => {
    const path = join(scratchFolder(), 'erasure.db');
    const store = sqliteStore(target(path));
    await store.prepare([APPOINTMENT]);
    await store.quarantine({ ...refusalOf(changeOf({ id: 'kept' })), body: Buffer.from('kept') });
    await ERASURES[what]!(store);
    expect(filesWithMark(path)).not.toEqual([]);
    await store.prune(policyOf(what));
    expect(filesWithMark(path)).toEqual([]);
    // It is the files that were looked into that hold the data.
    expect(FILES.some((f) => existsSync(path + f) && readFileSync(path + f).includes('kept'))).toBe(
      true,
    );
    await store.close();
    expect(filesWithMark(path)).toEqual([]);
  });

  it('payloads that were delivered or discarded', async () => {
    const path = join(scratchFolder(), 'erasure.db');
    const outbox: Outbox = sqliteOutbox({ ...target(path), keepDelivered: 1_000_000 });
    await fillAndEmpty(outbox);
    expect(filesWithMark(path)).not.toEqual([]);
    // A sender asks on and on, and what was erased is gone from the log soon after.
    await outbox.claim({ limit: 1, lease: 1, now: 20_000 });
    expect(filesWithMark(path)).toEqual([]);
    await outbox.close();
  });
});

/** Queues events; half of them are delivered, and the others die and are discarded. */
async function fillAndEmpty(outbox: Outbox): Promise<void> {
  const all = bodies(60);
  for (const [n, body] of all.entries()) {
    const event = { eventId: `e${String(n)}`, type: 'appointment.created', body: body.toString() };
    await outbox.enqueue(event, { now: 1_000 });
  }
  const claimed = await outbox.claim({ limit: 100, lease: 60_000, now: 2_000 });
  expect(claimed).toHaveLength(all.length);
  const reason = { kind: 'rejected', status: 422, code: 'x', message: null } as const;
  const half = all.length / 2;
  await outbox.settle(
    claimed.slice(half).map((event) => ({ claimed: event, outcome: 'dead', attempts: 1, reason })),
    { now: 3_000 },
  );
  expect(await outbox.discard({})).toBe(half);
  await outbox.settle(
    claimed.slice(0, half).map((event) => ({ claimed: event, outcome: 'delivered' })),
    { now: 3_000 },
  );
}

it('and a reader of the log puts it off, but for the next time', async () => {
  const path = join(scratchFolder(), 'erasure.db');
  const store = sqliteStore({ path });
  await store.prepare([APPOINTMENT]);
  const reader = new DatabaseSync(path);
  await store.commit([{ ...changeOf({ id: 'e1' }), body: bodyOf(300) }]);
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM his_events').all();
  await store.prune(PAST);
  expect(filesWithMark(path)).toContain('-wal');
  reader.exec('COMMIT');
  await store.prune(PAST);
  expect(filesWithMark(path)).toEqual([]);
  reader.close();
  await store.close();
});

/** Why the files of the server's tables cannot be looked into. */
const unreadable: string | false = await (async () => {
  if (missingPostgres !== false) return missingPostgres;
  const { Client } = await import('pg');
  const client = new Client({ connectionString: POSTGRES_URL });
  await client.connect();
  try {
    await client.query(`SELECT pg_read_binary_file('PG_VERSION')`);
    return false;
  } catch {
    if (process.env['CI']) throw new Error('the role may not read the files of the server');
    console.warn('The role may not read the files of the server: erasure is not looked at there.');
    return 'the role may not read the files of the server';
  } finally {
    await client.end();
  }
})();

describe.skipIf(unreadable !== false)('PostgreSQL, after VACUUM FULL, keeps nothing of', () => {
  /** Whether the marker is in the file of a table, or of what belongs to it. */
  async function tableHasMark(pool: Pool, table: string): Promise<boolean> {
    await pool.query('CHECKPOINT');
    const { rows } = await pool.query<{ found: boolean }>(
      `SELECT coalesce(bool_or(position($2::bytea IN pg_read_binary_file(pg_relation_filepath(o))) > 0), false) AS found
         FROM (SELECT oid AS o FROM pg_class WHERE oid = $1::regclass
           UNION ALL SELECT reltoastrelid FROM pg_class WHERE oid = $1::regclass AND reltoastrelid <> 0
           UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass) AS files`,
      [table, Buffer.from(MARK)],
    );
    return rows[0]!.found;
  }

  /** What a transaction of anybody's may still see is kept; so it is tried until those are over. */
  async function expectVacuumed(pool: Pool, table: string): Promise<void> {
    const vacuum = async (): Promise<boolean> => {
      await pool.query(`VACUUM FULL ${table}`);
      return tableHasMark(pool, table);
    };
    await expect.poll(vacuum, { timeout: 60_000, interval: 1_000 }).toBe(false);
  }

  it.each(Object.keys(ERASURES))(
    '%s',
    async (what) => {
      const { pool, sql } = await scratchPostgres();
      const store = postgresStore({ pool, schema: 'auto' });
      await store.prepare([APPOINTMENT]);
      await ERASURES[what]!(store);
      expect(await tableHasMark(pool as Pool, 'his_events')).toBe(true);
      await store.prune(policyOf(what));
      expect(await sql(`SELECT 1 FROM his_events WHERE position('${MARK}' IN body) > 0`)).toEqual(
        [],
      );
      await expectVacuumed(pool as Pool, 'his_events');
      await store.close();
    },
    90_000,
  );

  it('payloads that were delivered or discarded', async () => {
    const { name, connectionString, drop } = await createSchema('his_erasure');
    const { pool } = await scratchPostgres();
    const boss = new PgBoss({ connectionString, schema: name, supervise: false, schedule: false });
    boss.on('error', () => undefined);
    await boss.start();
    onTestFinished(async () => {
      await boss.stop({ graceful: false });
      await drop();
    });
    await fillAndEmpty(pgBossOutbox({ boss, schema: name, keepDelivered: 1_000_000 }));
    expect(await tableHasMark(pool as Pool, `${name}.job_common`)).toBe(true);
    await expectVacuumed(pool as Pool, `${name}.job_common`);
  }, 90_000);
});
