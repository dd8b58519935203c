import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import { type Session, SqliteConnection, type SqliteTarget } from '../../src/sqlite/connection.ts';
import { scratchFolder } from '../support/process.ts';

const scratchFile = () => join(scratchFolder(), 'test.db');

function open(
  target: SqliteTarget,
  onOpen: (session: Session) => void = (session) => {
    session.exec('CREATE TABLE IF NOT EXISTS t (n CHECK (n > 0))');
  },
): SqliteConnection {
  const connection = new SqliteConnection('test', target, 1_000, onOpen);
  onTestFinished(() => connection.close());
  return connection;
}

const insert = (connection: SqliteConnection, n: number): Promise<void> =>
  connection.transaction((session) => {
    session.exec(`INSERT INTO t VALUES (${String(n)})`);
  });
const count = (connection: SqliteConnection): Promise<unknown> =>
  connection.transaction((session) => session.prepare('SELECT count(*) AS n FROM t').get());

const logSize = (path: string): number | undefined =>
  statSync(`${path}-wal`, { throwIfNoEntry: false })?.size;

describe('SqliteConnection', () => {
  it.each(['', ':memory:'])(
    'keeps what is in no file over a refused row (path %j)',
    async (path) => {
      const connection = open({ path });
      await insert(connection, 1);
      await expect(insert(connection, 0)).rejects.toThrow(StorageError);
      expect(await count(connection)).toEqual({ n: 1 });
    },
  );

  it('never lets SQLite wait for a lock by itself, whatever the host has set', async () => {
    const database = new DatabaseSync(scratchFile(), { timeout: 5_000 });
    onTestFinished(() => {
      database.close();
    });
    const connection = open({ database });
    const timeout = await connection.transaction((session) =>
      session.prepare('PRAGMA busy_timeout').get(),
    );
    expect(timeout).toEqual({ timeout: 0 });
  });

  it.each([true, false])(
    'says that the file was moved while it was written to (fleeting: %s)',
    async (isFleeting) => {
      const path = scratchFile();
      const connection = open({ path });
      await insert(connection, 1);
      const moved = connection.transaction(
        (session) => {
          session.exec('INSERT INTO t VALUES (2)');
          renameSync(path, `${path}-moved`);
        },
        { isFleeting },
      );
      await expect(moved).rejects.toThrow('The database file was removed or replaced');
    },
  );

  it('does not open the new file over a log that could not be emptied', async () => {
    const path = scratchFile();
    const connection = open({ path });
    await insert(connection, 1);
    // Or SQLite would take the log away when the connection is closed.
    const reader = new DatabaseSync(path);
    onTestFinished(() => {
      reader.close();
    });
    reader.exec('SELECT * FROM t');
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(() => {
      throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 });
    });
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    renameSync(path, `${path}-moved`);
    new DatabaseSync(path).close();
    await expect(insert(connection, 2)).rejects.toThrow('removed or replaced');
    expect(prepare).toHaveBeenCalledOnce();
    await expect(insert(connection, 2)).rejects.toThrow('in the way');
  });

  it('empties the log after what was begun before', async () => {
    const path = scratchFile();
    const connection = open({ path });
    await insert(connection, 1);
    const [, isEmpty] = await Promise.all([insert(connection, 2), connection.emptyLog()]);
    expect([isEmpty, logSize(path)]).toEqual([true, 0]);
  });

  it('closes the file, and leaves nothing in its log, whoever has it open too', async () => {
    const path = scratchFile();
    const connection = open({ path });
    await insert(connection, 1);
    const other = new DatabaseSync(path);
    other.exec('SELECT * FROM t');
    await connection.close();
    expect(logSize(path)).toBe(0);
    // The last connection takes the log away.
    other.close();
    expect(logSize(path)).toBeUndefined();
  });

  it('closes a file that cannot be prepared', async () => {
    const close = vi.spyOn(DatabaseSync.prototype, 'close');
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const connection = open({ path: scratchFile() }, () => {
      throw new StorageError('no');
    });
    await expect(insert(connection, 1)).rejects.toThrow('no');
    expect(close).toHaveBeenCalledOnce();
  });
});
