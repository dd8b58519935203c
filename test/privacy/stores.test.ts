import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Pool } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { postgresStore } from '../../src/stores/postgres.ts';
import { type SqliteDatabase, sqliteStore } from '../../src/stores/sqlite.ts';
import type { EventStore, InboxStore } from '../../src/stores/types.ts';
import { BetterDatabase } from '../support/better-sqlite3.ts';
import {
  missingPostgres,
  openPglite,
  POSTGRES_URL,
  type TestDatabase,
} from '../support/databases.ts';
import { scratchPostgres } from '../support/postgres.ts';
import { scratchFolder } from '../support/process.ts';
import { expectNoMarker, marker } from './canary.ts';
import { markedEvent } from './events.ts';
import {
  expectSilentCalls,
  type Failure,
  POSTGRES_FAILURES,
  SQLITE_FAILURES,
} from './failing-stores.ts';
import { expectSilent, expectSilentInbox, receiverOn, sign } from './observe.ts';

interface Place {
  readonly store: EventStore & InboxStore;
  readonly sql: (text: string) => Promise<unknown>;
}

/** Brings a store to the failure, and looks through what is heard of it. */
async function expectSilentFailure(open: () => Promise<Place>, failure: Failure): Promise<void> {
  const { sql: before, then, data = () => ({}), twice, code, everywhere } = failure;
  const { store, sql } = await open();
  if (before !== undefined) await sql(before);
  const made = receiverOn(store);
  onTestFinished(() => made.receiver.close());
  await made.receiver.ready();
  // What the receiver does by itself at its start is done before what the test does.
  await made.receiver.replay();
  if (then !== undefined) await sql(then);
  const event = markedEvent(data());
  if (twice === true) {
    const other = markedEvent({ ...(event['data'] as object), his_appointment_id: marker() });
    await expectSilent(made, sign(other), null);
  }
  await expectSilent(made, sign(event), everywhere === true ? 'storage_unavailable' : code);
  // What is refused goes to quarantine, which may fail by itself.
  await expectSilent(
    made,
    sign(markedEvent({}, { type: 'location.created' })),
    everywhere === true ? 'storage_unavailable' : 'mapping_not_found',
  );
  const failed = await expectSilentCalls(store);
  if (everywhere === true) expect(failed).toBeGreaterThan(0);
  else expect(await expectSilentInbox(store)).toBeGreaterThan(0);
}

function sqlite(make: (path: string) => SqliteDatabase & { close(): void }) {
  return (): Promise<Place> => {
    const database = make(join(scratchFolder(), 'canary.db'));
    onTestFinished(() => {
      database.close();
    });
    const host = (value: unknown): never => {
      throw new TypeError(`no ${String(value)}`);
    };
    (database as unknown as DatabaseSync).function('host', host);
    return Promise.resolve({
      store: sqliteStore({ database, lockTimeout: 20 }),
      sql: (text) => Promise.resolve(database.exec(text)),
    });
  };
}

describe.each([
  ['node:sqlite', sqlite((path) => new DatabaseSync(path))],
  ['better-sqlite3', sqlite((path) => new BetterDatabase(path))],
])('sqliteStore on %s shows nothing of an event', (_, open) => {
  it.each(SQLITE_FAILURES.map((failure) => [failure.name, failure] as const))('%s', (_, failure) =>
    expectSilentFailure(open, failure),
  );
});

describe('sqliteStore on a file shows nothing of an event', () => {
  it.each(['locked', 'gone'])('%s', async (how) => {
    const path = join(scratchFolder(), 'canary.db');
    const store = sqliteStore({ path, lockTimeout: 20 });
    const made = receiverOn(store);
    onTestFinished(() => made.receiver.close());
    await made.receiver.ready();
    await expectSilent(made, sign(markedEvent()), null);
    const other = new DatabaseSync(path);
    if (how === 'locked') other.exec('BEGIN IMMEDIATE');
    else renameSync(path, `${path}.away`);
    await expectSilent(made, sign(markedEvent()), 'storage_unavailable');
    expect(await expectSilentCalls(store)).toBeGreaterThan(1);
    other.close();
  });

  it('no database', async () => {
    const path = join(scratchFolder(), 'canary.db');
    writeFileSync(path, marker().repeat(9_000));
    const store = sqliteStore({ path });
    await expectSilent(receiverOn(store), sign(markedEvent()), 'storage_unavailable');
    expect(await expectSilentCalls(store)).toBeGreaterThan(4);
  });
});

const server = async (): Promise<Place> => {
  const database = await scratchPostgres({ max: 3 });
  return { store: postgresStore({ pool: database.pool, schema: 'auto' }), sql: database.sql };
};

describe.skipIf(missingPostgres !== false)('postgresStore shows nothing of an event', () => {
  it.each(POSTGRES_FAILURES.map((failure) => [failure.name, failure] as const))(
    '%s',
    (_, failure) => expectSilentFailure(server, failure),
  );

  it('is cut off', async () => {
    const { store, sql } = await server();
    const made = receiverOn(store);
    onTestFinished(() => made.receiver.close());
    await made.receiver.ready();
    await sql(`SET application_name = 'canary'`);
    const end = `SELECT pg_terminate_backend(pg_backend_pid())`;
    await sql(end).catch((error: unknown) => error);
    await made.receiver.receive(sign(markedEvent()));
    expectNoMarker(made.results, 'onResult');
  });

  it('finds nobody', async () => {
    const url = new URL(POSTGRES_URL);
    const pool = new Pool({ host: url.hostname, port: 1, connectionTimeoutMillis: 500 });
    const store = postgresStore({ pool });
    const made = receiverOn(store);
    const { error } = await expectSilent(made, sign(markedEvent()), 'storage_unavailable');
    expect(error?.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await expectSilentCalls(store)).toBeGreaterThan(4);
  });

  it('gets what a pool of the host’s throws', async () => {
    const pool = {
      connect: () => Promise.reject(new Error(`no connection for\n${marker()}`)),
      on: () => undefined,
    };
    const store = postgresStore({ pool });
    await expectSilent(receiverOn(store), sign(markedEvent()), 'storage_unavailable');
  });
});

describe('postgresStore on PGlite shows nothing of an event', () => {
  let database: TestDatabase | undefined;
  const embedded = async (): Promise<Place> => {
    database ??= await openPglite();
    const { pool, clear } = database;
    await clear();
    const sql = (text: string) => (pool as { exec(text: string): Promise<unknown> }).exec(text);
    return { store: postgresStore({ pool, schema: 'auto' }), sql };
  };

  // Its errors have the statement and its parameters as members.
  const some = POSTGRES_FAILURES.filter(({ name }) =>
    [
      'CHECK',
      'type bigint',
      'a trigger raises 55000',
      'the table is gone',
      'the inbox is gone',
    ].includes(name),
  );
  it.each(some.map((failure) => [failure.name, failure] as const))('%s', (_, failure) =>
    expectSilentFailure(embedded, failure),
  );
});
