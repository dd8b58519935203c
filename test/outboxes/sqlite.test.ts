import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigurationError, EventError, StorageError } from '../../src/errors.ts';
import { sqliteOutbox } from '../../src/outboxes/sqlite.ts';
import type { ClaimedEvent, Outbox } from '../../src/sender/outbox.ts';
import type { SqliteDatabase } from '../../src/sqlite/driver.ts';
import { outboxSuite } from '../../src/testing/outbox.ts';
import { BetterDatabase } from '../support/better-sqlite3.ts';
import { manualHarness } from '../support/outboxes.ts';

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'his-outbox-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

const scratchFile = (): string => join(scratchFolder(), 'outbox.db');

const EVENT = { eventId: 'e1', type: 'appointment.created', body: '{"a":1}' };
const NOW = Date.parse('2025-03-02T10:30:45Z');
const DRIVERS: [string, new (path: string) => SqliteDatabase][] = [
  ['node:sqlite', DatabaseSync],
  ['better-sqlite3', BetterDatabase],
];

const claim = (outbox: Outbox<SqliteDatabase>, now = NOW): Promise<readonly ClaimedEvent[]> =>
  outbox.claim({ limit: 100, lease: 30_000, now });

describe('sqliteOutbox', () => {
  for (const { name, run } of outboxSuite(() => {
    const folder = mkdtempSync(join(tmpdir(), 'his-outbox-'));
    const outbox = sqliteOutbox({ path: join(folder, 'outbox.db') });
    return Promise.resolve(
      manualHarness(outbox, () => {
        rmSync(folder, { recursive: true });
      }),
    );
  })) {
    it(`${name} (node:sqlite)`, run);
  }
  for (const { name, run } of outboxSuite(() => {
    const database = new BetterDatabase(':memory:');
    // As a host may read its own whole numbers.
    database.defaultSafeIntegers(true);
    return Promise.resolve(
      manualHarness(sqliteOutbox({ database }), () => {
        database.close();
      }),
    );
  })) {
    it(`${name} (better-sqlite3)`, run);
  }

  it('keeps what was enqueued over a restart', async () => {
    const path = scratchFile();
    const first = sqliteOutbox({ path });
    await first.enqueue(EVENT, { now: NOW });
    await first.close();
    const second = sqliteOutbox({ path });
    expect(await claim(second)).toMatchObject([EVENT]);
    await second.close();
  });

  it('hands no event to two outboxes on one file', async () => {
    const path = scratchFile();
    const outboxes = [sqliteOutbox({ path }), sqliteOutbox({ path })];
    const ids = Array.from({ length: 200 }, (_, index) => `e${String(index)}`);
    await Promise.all(
      ids.map((eventId, index) =>
        outboxes[index % 2]!.enqueue({ ...EVENT, eventId }, { now: NOW }),
      ),
    );
    const claims = await Promise.all(
      ids.map((_, index) => outboxes[index % 2]!.claim({ limit: 3, lease: 1_000, now: NOW })),
    );
    const claimed = claims.flat().map(({ eventId }) => eventId);
    expect(claimed.sort()).toEqual([...ids].sort());
    await Promise.all(outboxes.map((outbox) => outbox.close()));
  });

  it('keeps queues of one file apart', async () => {
    const path = scratchFile();
    const [a, b] = ['a', 'b'].map((queue) => sqliteOutbox({ path, queue }));
    await a!.enqueue(EVENT, { now: NOW });
    await b!.enqueue({ ...EVENT, body: '{"b":1}' }, { now: NOW });
    expect(await claim(a!)).toMatchObject([{ body: '{"a":1}' }]);
    expect(await claim(b!)).toMatchObject([{ body: '{"b":1}' }]);
    expect(await a!.count()).toEqual({ queued: 1, dead: 0 });
    await a!.close();
    await b!.close();
  });

  it('leaves nothing of a payload behind once it was delivered, but remembers its id if it is to', async () => {
    const path = scratchFile();
    for (const [keepDelivered, rows] of [
      [0, 0],
      [5_000, 1],
    ] as const) {
      const outbox = sqliteOutbox({ path, queue: String(keepDelivered), keepDelivered });
      const reader = new DatabaseSync(path);
      const stored = (): unknown =>
        reader
          .prepare('SELECT count(*) AS n FROM his_outbox WHERE queue = ?')
          .get(String(keepDelivered))!['n'];
      await outbox.enqueue(EVENT, { now: NOW });
      const [claimed] = await claim(outbox);
      await outbox.settle([{ claimed: claimed!, outcome: 'delivered' }], { now: NOW });
      expect(stored()).toBe(rows);
      expect(await outbox.count()).toEqual({ queued: 0, dead: 0 });
      reader.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      expect(readFileSync(path, 'latin1')).not.toContain(EVENT.body);
      if (keepDelivered > 0) {
        await outbox.enqueue(EVENT, { now: NOW + 1 });
        const other = outbox.enqueue({ ...EVENT, body: '{"a":2}' }, { now: NOW + 1 });
        await expect(other).rejects.toThrow(EventError);
        expect(await claim(outbox, NOW + 4_999)).toEqual([]);
        await outbox.settle([], { now: NOW + 4_999 });
        expect(stored()).toBe(1);
        await outbox.settle([], { now: NOW + 5_000 });
        expect(stored()).toBe(0);
      }
      reader.close();
      await outbox.close();
    }
  });

  it('lists any number of dead letters', async () => {
    const outbox = sqliteOutbox({ path: scratchFile() });
    const ids = Array.from({ length: 450 }, (_, index) => `e${String(index)}`);
    await Promise.all(ids.map((eventId) => outbox.enqueue({ ...EVENT, eventId }, { now: NOW })));
    const claimed = await outbox.claim({ limit: 1_000, lease: 1_000, now: NOW });
    const reason = { kind: 'expired', status: 500, code: null, message: null } as const;
    await outbox.settle(
      claimed.map((claimed) => ({ claimed, outcome: 'dead', attempts: 1, reason })),
      { now: NOW },
    );
    const found: string[] = [];
    for await (const { eventId } of outbox.deadLetters()) found.push(eventId);
    expect(found).toEqual(ids);
    await outbox.close();
  });

  it.each([
    [{}],
    [{ path: 'a', database: new BetterDatabase(':memory:') }],
    [{ path: 'a', queue: '' }],
    [{ path: 'a', keepDelivered: -1 }],
    [{ path: 'a', lockTimeout: NaN }],
    [{ path: 'a', keepdelivered: 1 }],
  ])('refuses the options %o', (options) => {
    expect(() => sqliteOutbox(options as never)).toThrow(ConfigurationError);
  });

  it('refuses everything once it is closed', async () => {
    const outbox = sqliteOutbox({ path: scratchFile() });
    await outbox.close();
    await expect(outbox.enqueue(EVENT, { now: NOW })).rejects.toThrow(StorageError);
    await expect(claim(outbox)).rejects.toThrow(StorageError);
  });

  it('goes on after an enqueue that failed', async () => {
    const path = scratchFile();
    const outbox = sqliteOutbox({ path, lockTimeout: 20 });
    await outbox.enqueue({ ...EVENT, eventId: 'e0' }, { now: NOW });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const events = ['e1', 'e2'].map((eventId) =>
      outbox.enqueue({ ...EVENT, eventId }, { now: NOW }),
    );
    for (const { status } of await Promise.allSettled(events)) expect(status).toBe('rejected');
    other.exec('ROLLBACK');
    other.close();
    await outbox.enqueue({ ...EVENT, eventId: 'e3' }, { now: NOW });
    expect((await claim(outbox)).map(({ eventId }) => eventId)).toEqual(['e0', 'e3']);
    await outbox.close();
  });
});

describe.each(DRIVERS)("sqliteOutbox in the caller's own transaction, by %s", (_, Database) => {
  it('queues an event if it commits, and never did if it is rolled back', async () => {
    const path = scratchFile();
    const database = new Database(path);
    database.exec('CREATE TABLE visit (id TEXT)');
    const outbox = sqliteOutbox({ path });
    for (const end of ['ROLLBACK', 'COMMIT', 'ROLLBACK']) {
      database.exec('BEGIN IMMEDIATE');
      database.prepare('INSERT INTO visit VALUES (?)').run(end);
      await outbox.enqueue({ ...EVENT, eventId: end }, { now: NOW, transaction: database });
      database.exec(end);
    }
    expect(database.prepare('SELECT id FROM visit').all()).toMatchObject([{ id: 'COMMIT' }]);
    expect((await claim(outbox)).map(({ eventId }) => eventId)).toEqual(['COMMIT']);
    database.close();
    await outbox.close();
  });

  it('throws within the call, so that a synchronous transaction hears of it', () => {
    const path = scratchFile();
    const database = new Database(path);
    const outbox = sqliteOutbox({ path });
    const options = { now: NOW, transaction: database };
    void outbox.enqueue(EVENT, options);
    expect(() => outbox.enqueue({ ...EVENT, body: '{"a":2}' }, options)).toThrow(EventError);
    database.exec('DROP TABLE his_outbox; CREATE TABLE his_outbox (id)');
    expect(() => outbox.enqueue(EVENT, options)).toThrow(StorageError);
    database.close();
  });

  it('is told from a transaction on another database, where nobody would look', () => {
    const path = scratchFile();
    const outbox = sqliteOutbox({ path });
    for (const other of [new Database(scratchFile()), new Database(':memory:')]) {
      const enqueue = (): unknown => outbox.enqueue(EVENT, { now: NOW, transaction: other });
      expect(enqueue).toThrow('transaction is of another database than the outbox.');
      other.close();
    }
    const nonsense = {} as unknown as SqliteDatabase;
    expect(() => outbox.enqueue(EVENT, { now: NOW, transaction: nonsense })).toThrow(
      ConfigurationError,
    );
  });

  it('waits for the disk whenever an event is queued, and leaves the connection so', async () => {
    const database = new Database(scratchFile());
    const outbox = sqliteOutbox({ database });
    const synchronous = (): number => {
      const row = database.prepare('PRAGMA synchronous').get() as { synchronous: number | bigint };
      return Number(row.synchronous);
    };
    const commits: number[] = [];
    const exec = database.exec.bind(database);
    database.exec = (sql: string) => {
      if (sql === 'COMMIT') commits.push(synchronous());
      return exec(sql);
    };
    const FULL = 2;
    const NORMAL = 1;
    await outbox.enqueue(EVENT, { now: NOW });
    expect(await claim(outbox)).toHaveLength(1);
    expect(synchronous()).toBe(FULL);
    await outbox.enqueue({ ...EVENT, eventId: 'e2' }, { now: NOW });
    // Claims need not survive the machine.
    expect(commits).toEqual([FULL, NORMAL, FULL]);
    await outbox.close();
    database.close();
  });

  it('may be on the very database that the outbox was given', async () => {
    const database = new Database(':memory:');
    const outbox = sqliteOutbox({ database });
    database.exec('BEGIN');
    await outbox.enqueue(EVENT, { now: NOW, transaction: database });
    database.exec('COMMIT');
    expect(await claim(outbox)).toMatchObject([EVENT]);
    await outbox.close();
    expect(database.prepare('SELECT 1 AS one').get()).toMatchObject({ one: 1 });
    database.close();
  });
});
