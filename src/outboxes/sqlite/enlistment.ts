import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigurationError, HisWebhookError } from '../../errors.ts';
import { Session, sqliteFailed, type SqliteTarget } from '../../sqlite/connection.ts';
import { isSqliteError, type SqliteDatabase } from '../../sqlite/driver.ts';
import { OUTBOX_SQL } from './queue.ts';

/** Takes part in transactions that the caller has open on the same database. */
export class Enlistment {
  readonly #target: SqliteTarget;
  readonly #sessions = new WeakMap<SqliteDatabase, Session>();

  constructor(target: SqliteTarget) {
    // A later change of the working directory is not to move the database.
    this.#target = 'path' in target ? { path: resolve(target.path) } : target;
  }

  /**
   * Runs work on a database of the caller's, in whatever transaction is open there.
   *
   * @throws ConfigurationError where it is another database: an event in it would never be sent.
   * @throws StorageError whatever the database refuses; the caller's transaction is to roll back.
   */
  run<T>(database: SqliteDatabase, work: (session: Session) => T): T {
    if (typeof (database as Partial<SqliteDatabase> | null)?.prepare !== 'function') {
      throw new ConfigurationError('transaction must be an open database of the same file.');
    }
    try {
      const session = this.#sessions.get(database) ?? this.#open(database);
      try {
        return work(session);
      } catch (error) {
        if (!isTableMissing(error)) throw error;
        // The first event of all, or the transaction that made the table was rolled back.
        session.exec(OUTBOX_SQL);
        return work(session);
      }
    } catch (error) {
      if (error instanceof HisWebhookError) throw error;
      throw sqliteFailed(error, isSqliteError(error) ? 'driver' : 'host');
    }
  }

  #open(database: SqliteDatabase): Session {
    const own = this.#target;
    const isSame =
      'database' in own && own.database === database
        ? true
        : isSameFile(fileOf(database), 'path' in own ? own.path : fileOf(own.database));
    if (!isSame) {
      throw new ConfigurationError('transaction is of another database than the outbox.');
    }
    const session = new Session(database);
    this.#sessions.set(database, session);
    return session;
  }
}

/** The file of a database; empty where it is in memory. */
function fileOf(database: SqliteDatabase): string {
  const rows = database.prepare('PRAGMA database_list').all() as {
    readonly name: string;
    readonly file: string | null;
  }[];
  return rows.find(({ name }) => name === 'main')?.file ?? '';
}

function isSameFile(a: string, b: string): boolean {
  if (a === '' || b === '') return false;
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

function isTableMissing(error: unknown): boolean {
  return isSqliteError(error) && (error as Error).message.startsWith('no such table');
}
