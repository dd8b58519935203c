import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { HisWebhookError, StorageError } from '../errors.ts';
import { type Speaker, withoutValues } from '../without-values.ts';
import {
  isBusy,
  isFull,
  isRefusal,
  isSqliteError,
  loadSqlite,
  OwnFault,
  type SqliteDatabase,
  type SqliteStatement,
} from './driver.ts';

/** A statement whose rows are lists of values. */
export type ListStatement = Pick<SqliteStatement, 'get'>;

/** Keeps the statements of one open database. */
export class Session {
  readonly database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();
  readonly #lists = new Map<string, ListStatement>();

  constructor(database: SqliteDatabase) {
    this.database = database;
  }

  exec(sql: string): void {
    this.database.exec(sql);
  }

  /** Prepares a statement, once. */
  prepare(sql: string): SqliteStatement {
    return this.#statements.get(sql) ?? keep(this.#statements, sql, this.database.prepare(sql));
  }

  /** The same for one that is to give lists: an object takes node:sqlite longer than the search for it. */
  prepareLists(sql: string): ListStatement {
    return this.#lists.get(sql) ?? keep(this.#lists, sql, inLists(this.database.prepare(sql)));
  }
}

function keep<T>(statements: Map<string, T>, sql: string, statement: T): T {
  // Patches name any set of columns, so the number of different texts has no bound of its own.
  if (statements.size >= 1_000) statements.clear();
  statements.set(sql, statement);
  return statement;
}

function inLists(statement: SqliteStatement): ListStatement {
  if (statement.setReturnArrays !== undefined) {
    statement.setReturnArrays(true);
    return statement;
  }
  return {
    get(...values) {
      const row = statement.get(...values) as object | undefined;
      return row && Object.values(row);
    },
  };
}

/** How a transaction is run. */
export interface TransactionOptions {
  /** Stops waiting for another writer. */
  readonly signal?: AbortSignal | undefined;
  readonly isFleeting?: boolean;
}

/** Where the database is: a file, or a database the host has opened. */
export type SqliteTarget = { readonly path: string } | { readonly database: SqliteDatabase };

interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
}

/** The database and its write-ahead log: what was committed is in either. */
interface Files {
  readonly main: FileIdentity;
  readonly log: FileIdentity | undefined;
}

/**
 * The connection to one database.
 *
 * It is **closed** at first and opens when it is needed. While it is **open**, the file's identity
 * (and its log's) is looked at around every transaction, because SQLite goes on committing into
 * files that were removed or replaced. Where it changed, the connection is **lost**: the transaction
 * in work fails, and the next one opens the file that is there then. A file that has vanished is
 * waited for, never made anew: an empty database in its place would hide that the rows are gone.
 *
 * Transactions run one after another; one that finds the database locked waits without blocking
 * the event loop.
 */
export class SqliteConnection {
  readonly #maker: string;
  readonly #target: SqliteTarget;
  readonly #lockTimeout: number;
  readonly #onOpen: (session: Session) => void;
  #session: Session | undefined;
  #files: Files | undefined;
  /** A log that holds commits of a database that is no longer at the path. */
  #orphanedLog: FileIdentity | undefined;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();

  /**
   * @param maker - The public function it is for, to be named in errors.
   * @param onOpen - Runs on every database that is opened, before anything else.
   * @param lockTimeout - Milliseconds to wait for another writer.
   */
  constructor(
    maker: string,
    target: SqliteTarget,
    lockTimeout: number,
    onOpen: (session: Session) => void,
  ) {
    this.#maker = maker;
    if ('path' in target) loadSqlite(maker);
    // A later change of the working directory is not to move the database.
    const isFile = 'path' in target && target.path !== '' && target.path !== ':memory:';
    this.#target = isFile ? { path: resolve(target.path) } : target;
    this.#lockTimeout = lockTimeout;
    this.#onOpen = onOpen;
  }

  /**
   * Runs work inside one write transaction: all of it is durable, or nothing was written.
   *
   * @param options - `isFleeting`: it survives a crash of the process, but may be lost with the machine.
   *   It does not wait for the disk.
   */
  transaction<T>(
    work: (session: Session) => T,
    { signal, isFleeting = false }: TransactionOptions = {},
  ): Promise<T> {
    const run = this.#queue.then(() => this.#transaction(work, isFleeting, signal));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  /**
   * Empties the log into the database: until then it holds what was erased there. Somebody who reads
   * from it, or a database in memory, keeps it as it is.
   *
   * @returns Whether it is empty now.
   */
  emptyLog(): Promise<boolean> {
    const run = this.#queue.then(() => this.#emptyLog());
    this.#queue = run;
    return run;
  }

  /** Waits for the transactions in work, and closes the database if this connection opened it. */
  async close(): Promise<void> {
    this.#closed = true;
    // SQLite does so by itself where this is the last connection.
    await this.emptyLog();
    this.#drop();
  }

  async #transaction<T>(
    work: (session: Session) => T,
    isFleeting: boolean,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const deadline = Date.now() + this.#lockTimeout;
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted === true) throw new StorageError('The deadline passed.');
      try {
        return this.#attempt(work, isFleeting);
      } catch (error) {
        if (!isBusy(error)) throw this.#failure(error);
        if (Date.now() >= deadline) {
          throw new StorageError('The database is locked by another writer.', {
            cause: withoutValues(error),
          });
        }
        await new Promise((wake) => setTimeout(wake, Math.min(attempt * 2, 25)));
      }
    }
  }

  /** From BEGIN to COMMIT without a pause, so that nobody else's statement comes between. */
  #attempt<T>(work: (session: Session) => T, isFleeting: boolean): T {
    const session = this.#open();
    if (isFleeting) session.exec('PRAGMA synchronous = NORMAL');
    try {
      session.exec('BEGIN IMMEDIATE');
      let result: T;
      try {
        result = work(session);
        session.exec('COMMIT');
      } catch (error) {
        rollback(session);
        throw error;
      }
      this.#verifyFiles();
      return result;
    } finally {
      // The database may be the host's, whose next transaction is not to be lost.
      if (isFleeting && this.#session === session) session.exec('PRAGMA synchronous = FULL');
    }
  }

  #failure(error: unknown): unknown {
    if (error instanceof HisWebhookError || error instanceof OwnFault) return error;
    // A function of the host's, called by a trigger for instance, throws what it likes.
    if (!isSqliteError(error)) return sqliteFailed(error, 'host');
    // Whatever else is wrong with the database, a file that was copied over it for instance, opening
    // it again is how it is found mended.
    if (!isRefusal(error) && !isFull(error)) this.#drop();
    return sqliteFailed(error);
  }

  #open(): Session {
    if (this.#closed) throw new StorageError('The database is closed.');
    if (this.#session !== undefined) {
      this.#verifyFiles();
      return this.#session;
    }
    const target = this.#target;
    if ('path' in target && this.#files !== undefined) this.#verifyReturn(target.path);
    const database = 'path' in target ? openFile(this.#maker, target.path) : target.database;
    try {
      // The waiting is done in #begin: SQLite's own would block the event loop.
      database.exec('PRAGMA busy_timeout = 0');
      database.exec('PRAGMA journal_mode = WAL');
      database.exec('PRAGMA synchronous = FULL');
      const session = new Session(database);
      this.#onOpen(session);
      this.#session = session;
      this.#files = 'path' in target ? filesOf(target.path) : undefined;
      return session;
    } catch (error) {
      if ('path' in target) database.close();
      throw error;
    }
  }

  #verifyFiles(): void {
    if (!('path' in this.#target) || this.#files === undefined) return;
    const { main, log } = this.#files;
    const found = filesOf(this.#target.path);
    const isThere = found !== undefined && isSame(found.main, main) && found.main.size > 0n;
    if (isThere && (log === undefined || isSame(found.log, log))) {
      // The log is made by the first transaction.
      if (log === undefined) this.#files = found;
      return;
    }
    this.#orphanedLog = this.#emptyLog() ? undefined : identify(`${this.#target.path}-wal`);
    this.#drop();
    throw new StorageError('The database file was removed or replaced while it was open.');
  }

  /** Whether there is a file again that may be opened after the first one was lost. */
  #verifyReturn(path: string): void {
    if (identify(path) === undefined) throw new StorageError('The database file is missing.');
    const log = identify(`${path}-wal`);
    if (this.#orphanedLog !== undefined && isSame(log, this.#orphanedLog)) {
      throw new StorageError('The log of the database that was replaced is in the way.');
    }
  }

  /**
   * Moves what the log holds into the file it belongs to, wherever that is now. SQLite leaves the
   * log behind when a file has moved, and would read it into the one that took its place.
   */
  #emptyLog(): boolean {
    try {
      const result = this.#session?.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      return (result as { busy?: number } | undefined)?.busy === 0;
    } catch {
      return false;
    }
  }

  #drop(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined && 'path' in this.#target) session.database.close();
  }
}

function openFile(maker: string, path: string): SqliteDatabase {
  const { DatabaseSync } = loadSqlite(maker);
  try {
    return new DatabaseSync(path);
  } catch (error) {
    throw new StorageError(`The database ${path} cannot be opened.`, {
      cause: withoutValues(error),
    });
  }
}

/** What the host hears of an error: nothing of the rows it is about. */
export function sqliteFailed(error: unknown, speaker?: Speaker): StorageError {
  return new StorageError('SQLite failed.', { cause: withoutValues(error, speaker) });
}

function rollback(session: Session): void {
  try {
    session.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself, as it does when the disk is full.
  }
}

function isSame(a: FileIdentity | undefined, b: FileIdentity): boolean {
  return a?.ino === b.ino && a.dev === b.dev;
}

function filesOf(path: string): Files | undefined {
  const main = identify(path);
  return main && { main, log: identify(`${path}-wal`) };
}

function identify(path: string): FileIdentity | undefined {
  // A database in memory (':memory:' or '') has no file.
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}
