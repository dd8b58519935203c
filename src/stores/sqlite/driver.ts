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

/** SQLITE_FULL: nothing is wrong with the database but its room. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === 13;
}

/** The table takes no such row, and SQLite has not said so by itself. */
export class RowRefused extends Error {}

/** What SQLite says where tables or columns are gone, which is not the row's fault. */
const SCHEMA_IS_GONE = /^no such |has no column named/;

/** Whether an error is about the row, and not about the database. */
export function isRefusal(error: unknown): error is Error {
  if (error instanceof RowRefused) return true;
  const code = resultCode(error);
  // SQLITE_ERROR is what a function in a CHECK, such as json_extract(), gives up with.
  if (code === 1) return !SCHEMA_IS_GONE.test((error as Error).message);
  // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH
  return code === 18 || code === 19 || code === 20;
}

const REASONS: Readonly<Record<number, string>> = {
  275: 'CHECK constraint failed',
  787: 'FOREIGN KEY constraint failed',
  1299: 'NOT NULL constraint failed',
  1555: 'UNIQUE constraint failed',
  1811: 'a trigger refused it',
  2067: 'UNIQUE constraint failed',
  3091: 'the value is of another type',
};

/** Why the table refuses a row, in words of ours: a trigger's own may hold a value. */
export function refusalReason(error: Error): string {
  if (error instanceof RowRefused) return error.message;
  const code = (error as Error & { readonly errcode: number }).errcode;
  return REASONS[code] ?? 'the database refused it';
}

/** Quotes a checked identifier. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
