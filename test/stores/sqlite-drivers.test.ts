import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/events.ts';
import { type SqliteDatabase, sqliteStore } from '../../src/stores/sqlite.ts';
import type { EventStore, StoredEvent } from '../../src/stores/types.ts';
import { APPOINTMENT, changeOf, refusalOf } from '../../src/testing/changes.ts';
import { eventStoreSuite, type OpenEventStore } from '../../src/testing/event-store.ts';
import { BetterDatabase } from '../support/better-sqlite3.ts';

function scratchFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-webhook-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'test.db');
}

const rowsOf = (database: SqliteDatabase, sql: string) =>
  (database.prepare(sql).all() as Record<string, unknown>[]).map((row) => ({ ...row }));

async function entriesOf(store: EventStore): Promise<StoredEvent[]> {
  const entries: StoredEvent[] = [];
  for await (const entry of store.find({})) entries.push(entry);
  return entries;
}

describe.each<[string, (path: string) => SqliteDatabase]>([
  ['node:sqlite', (path) => new DatabaseSync(path)],
  ['better-sqlite3', (path) => new BetterDatabase(path)],
  [
    'better-sqlite3 with safe integers',
    (path) => {
      const database = new BetterDatabase(path);
      database.defaultSafeIntegers(true);
      return database;
    },
  ],
])('sqliteStore on a database of %s', (name, openDatabase) => {
  const opened = (path = scratchFile()): SqliteDatabase => {
    const database = openDatabase(path);
    onTestFinished(() => {
      database.close();
    });
    return database;
  };

  const open: OpenEventStore = (options) => {
    const database = opened();
    const toNumber = (value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
    const rows = (table: string) =>
      rowsOf(database, `SELECT * FROM "${table}"`).map((row) => ({
        ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toNumber(value)])),
        his_versions: JSON.parse(row['his_versions'] as string) as unknown,
      }));
    return Promise.resolve({
      store: sqliteStore({ database, ...options }),
      rows: (table) => Promise.resolve(rows(table)),
    });
  };
  for (const { name, run } of eventStoreSuite(open)) it(name, run);

  it('is durable: WAL and synchronous=FULL on the connection that commits', async () => {
    const database = opened();
    const store = sqliteStore({ database });
    await store.prepare([APPOINTMENT]);
    expect(rowsOf(database, 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(Number(rowsOf(database, 'PRAGMA synchronous')[0]!['synchronous'])).toBe(2);
    await store.close();
    // It stays the host's.
    expect(rowsOf(database, 'SELECT * FROM appointment')).toEqual([]);
  });

  it('rejects what the table refuses, and nothing beside it', async () => {
    const database = opened();
    database.exec(`CREATE TABLE appointment (client_id TEXT NOT NULL, id TEXT NOT NULL,
      status TEXT CHECK (length(status) < 6), room INTEGER, note TEXT UNIQUE,
      kind TEXT NOT NULL DEFAULT 'x', his_versions TEXT, his_deleted_at TEXT,
      UNIQUE (client_id, id)) STRICT;
      CREATE TRIGGER refuse BEFORE INSERT ON appointment WHEN NEW.status = 'raise'
        BEGIN SELECT RAISE(ABORT, 'HIV'); END;
      CREATE TRIGGER roll BEFORE INSERT ON appointment WHEN NEW.status = 'roll'
        BEGIN SELECT RAISE(ROLLBACK, 'HIV'); END;
      CREATE TRIGGER ignore BEFORE INSERT ON appointment WHEN NEW.status = 'drop'
        BEGIN SELECT RAISE(IGNORE); END`);
    const store = sqliteStore({ database });
    await store.prepare([{ ...APPOINTMENT, columns: [...APPOINTMENT.columns, 'kind'] }]);
    const of = (id: string, values: JsonObject) => changeOf({ id, key: id, values });
    const batch = [
      of('e1', { note: 'taken' }),
      of('e2', { status: 'longer' }),
      of('e3', { note: 'taken' }),
      of('e4', { kind: null }),
      of('e5', { room: 'seven' }),
      of('e6', { status: 'raise' }),
      of('e7', { status: 'drop' }),
      of('e8', { status: 'fine' }),
    ];
    const expected = [
      'applied',
      { rejected: 'CHECK constraint failed', column: 'status' },
      { rejected: 'UNIQUE constraint failed', column: 'note' },
      { rejected: 'NOT NULL constraint failed', column: 'kind' },
      { rejected: 'the value is of another type', column: 'room' },
      { rejected: 'a trigger refused it' },
      { rejected: 'a trigger dropped it' },
      'applied',
    ];
    expect(await store.commit(batch)).toEqual(expected);
    // A trigger that rolls all of it back, and takes the savepoint along.
    const later = [of('f1', { status: 'a' }), of('f2', { status: 'roll' }), of('f3', { room: 1 })];
    expect(await store.commit(later)).toEqual([
      'applied',
      { rejected: 'a trigger refused it' },
      'applied',
    ]);
    expect(await store.commit(later.slice(0, 1))).toEqual(['duplicate']);
    expect(rowsOf(database, 'SELECT id FROM appointment ORDER BY id')).toEqual(
      ['e1', 'e8', 'f1', 'f3'].map((id) => ({ id })),
    );
    expect((await entriesOf(store)).map(({ eventId }) => eventId)).toEqual([
      'e1',
      'e8',
      'f1',
      'f3',
    ]);
  });

  it('fails as a whole while another connection writes, and goes on after', async () => {
    const path = scratchFile();
    const other = opened(path);
    const store = sqliteStore({ database: opened(path), lockTimeout: 20 });
    await store.prepare([APPOINTMENT]);
    other.exec('BEGIN IMMEDIATE');
    const two = [changeOf({ id: 'e1' }), changeOf({ id: 'e2', key: 'A2' })];
    await expect(store.commit(two)).rejects.toBeInstanceOf(StorageError);
    other.exec('ROLLBACK');
    expect(await store.commit(two)).toEqual(['applied', 'applied']);
  });

  it(`says why it fails in words of its own: ${name}`, async () => {
    const database = opened();
    const store = sqliteStore({ database });
    await store.prepare([APPOINTMENT]);
    database.exec('DROP TABLE his_events');
    await expect(store.commit([changeOf({ id: 'e1' })])).rejects.toThrow('SQLite failed.');
  });
});

describe('the inbox of sqliteStore', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => changeOf({ id: `e${String(i).padStart(5, '0')}` }));

  it('is pruned in chunks, between which events are committed', async () => {
    const store = sqliteStore({ path: scratchFile() });
    onTestFinished(() => store.close());
    await store.prepare([APPOINTMENT]);
    await store.commit(many(2_600));
    await store.quarantine(refusalOf(changeOf({ id: 'q' })));
    const cut = new Date('2027-01-01T00:00:00Z');
    for (const policy of [{ bodiesBefore: cut }, { keysBefore: cut }]) {
      const order: string[] = [];
      const pruned = store.prune(policy).finally(() => order.push('pruned'));
      const recent = { receivedAt: '2027-02-01T00:00:00.000Z' };
      while (!order.includes('pruned')) {
        const id = `late-${Object.keys(policy).join()}-${String(order.length)}`;
        expect(await store.commit([{ ...changeOf({ id, key: id }), ...recent }])).toEqual([
          'applied',
        ]);
        order.push('committed');
      }
      expect(order.indexOf('pruned')).toBeGreaterThanOrEqual(5);
      const { bodies, keys } = await pruned;
      expect(bodies + keys).toBe(2_600);
    }
    const left = await entriesOf(store);
    expect(left.filter(({ eventId }) => !eventId.startsWith('late')).map((e) => e.eventId)).toEqual(
      ['q'],
    );
    expect(left.every(({ body }) => body !== null)).toBe(true);
  });

  it('finds the bodies that are due by an index, one that an older database gets as well', async () => {
    const path = scratchFile();
    const first = sqliteStore({ path });
    await first.prepare([]);
    await first.close();
    const plan = () => {
      const database = new DatabaseSync(path);
      try {
        return rowsOf(
          database,
          `EXPLAIN QUERY PLAN SELECT client_id, event_id FROM his_events
             WHERE body IS NOT NULL AND state <> 'quarantined' AND received_at < '2025'
             ORDER BY received_at LIMIT 500`,
        ).map(({ detail }) => detail);
      } finally {
        database.close();
      }
    };
    expect(plan()).toEqual([expect.stringContaining('USING INDEX his_events_bodies')]);
    const database = new DatabaseSync(path);
    database.exec('DROP INDEX his_events_bodies');
    database.close();
    expect(plan()).not.toEqual([expect.stringContaining('his_events_bodies')]);
    const second = sqliteStore({ path });
    await second.prepare([]);
    await second.close();
    expect(plan()).toEqual([expect.stringContaining('his_events_bodies')]);
  });

  it('takes down what was processed elsewhere, over what stood there, and touches no row', async () => {
    const store = sqliteStore({ path: scratchFile() });
    onTestFinished(() => store.close());
    await store.prepare([APPOINTMENT]);
    const change = changeOf({ id: 'e1', values: { status: 'a' } });
    await store.quarantine(refusalOf(change, { eventId: null, digest: null }));
    const [kept] = await entriesOf(store);
    await store.quarantine(refusalOf(change));
    await store.record({ ...change, replayOf: { key: kept!.eventId, attempts: 1 } });
    await store.record({ ...changeOf({ id: 'e2' }), row: null });
    expect(
      (await entriesOf(store)).map(({ eventId, state, attempts }) => [eventId, state, attempts]),
    ).toEqual([
      ['e1', 'applied', 2],
      ['e2', 'declined', 1],
    ]);
    expect(await store.commit([change])).toEqual(['duplicate']);
  });
});
