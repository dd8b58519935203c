import { ConfigurationError } from '../../errors.ts';

/** What SQLite takes and gives. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** A prepared statement, as `node:sqlite` has it. */
export interface SqliteStatement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/** An open database: a `DatabaseSync` of `node:sqlite`, described by what is used of it. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => SqliteDatabase;
}

/**
 * Loads `node:sqlite`, only when a store needs it.
 *
 * @throws ConfigurationError below Node 22.13, with what to do.
 */
export function loadSqlite(): SqliteModule {
  // A static import would keep the whole subpath from loading on Node 20.
  const sqlite = ('getBuiltinModule' in process && process.getBuiltinModule('node:sqlite')) as
    SqliteModule | undefined | false;
  if (sqlite === undefined || sqlite === false) {
    throw new ConfigurationError(
      `sqliteStore needs node:sqlite, which is in Node 22.13 and later; this is Node ${process.versions.node}.`,
    );
  }
  return sqlite;
}

/** SQLite's primary result code, where the error is SQLite's. */
function resultCode(error: unknown): number | undefined {
  const code: unknown = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** SQLITE_BUSY or SQLITE_LOCKED: someone else is writing. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === 5 || code === 6;
}

/** SQLITE_TOOBIG, SQLITE_CONSTRAINT or SQLITE_MISMATCH: the table refuses the row. */
export function isRefusal(error: unknown): error is Error {
  const code = resultCode(error);
  return code === 18 || code === 19 || code === 20;
}

/** Quotes a checked identifier. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
