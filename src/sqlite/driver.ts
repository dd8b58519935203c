import { ConfigurationError } from '../errors.ts';

/** What SQLite takes and gives. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** A prepared statement, as both drivers have it. */
export interface SqliteStatement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/**
 * An open database: a `DatabaseSync` of `node:sqlite` or a `Database` of `better-sqlite3`, described
 * by what is used of it.
 */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => SqliteDatabase;
}

/**
 * Loads `node:sqlite`, only when it is needed.
 *
 * @param maker - The function that was given a path.
 * @throws ConfigurationError below Node 22.13, with what to do.
 */
export function loadSqlite(maker: string): SqliteModule {
  // A static import would keep the whole subpath from loading on Node 20.
  const sqlite = ('getBuiltinModule' in process && process.getBuiltinModule('node:sqlite')) as
    SqliteModule | undefined | false;
  if (sqlite === undefined || sqlite === false) {
    throw new ConfigurationError(
      `${maker}({ path }) needs node:sqlite, which is in Node 22.13 and later; this is Node ${process.versions.node}. ` +
        `Hand in a database of better-sqlite3 instead: ${maker}({ database }).`,
    );
  }
  return sqlite;
}

/** The result codes that are told apart, by their numbers. */
const CODES: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  13: 'SQLITE_FULL',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  275: 'SQLITE_CONSTRAINT_CHECK',
  787: 'SQLITE_CONSTRAINT_FOREIGNKEY',
  1299: 'SQLITE_CONSTRAINT_NOTNULL',
  1555: 'SQLITE_CONSTRAINT_PRIMARYKEY',
  1811: 'SQLITE_CONSTRAINT_TRIGGER',
  2067: 'SQLITE_CONSTRAINT_UNIQUE',
  3091: 'SQLITE_CONSTRAINT_DATATYPE',
};

/**
 * The result code, where an error is SQLite's: `node:sqlite` has its number, `better-sqlite3` its
 * name.
 */
function resultCode(error: unknown): string | undefined {
  const { errcode, code } = (error ?? {}) as { errcode?: unknown; code?: unknown };
  if (typeof errcode === 'number') return CODES[errcode] ?? CODES[errcode & 0xff] ?? 'SQLITE';
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : undefined;
}

/** Whether an error comes from SQLite. */
export function isSqliteError(error: unknown): boolean {
  return resultCode(error) !== undefined;
}

/** Someone else is writing. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(resultCode(error) ?? '');
}

/** Nothing is wrong with the database but its room. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === 'SQLITE_FULL';
}

/** The table takes no such row, and SQLite has not said so by itself. */
export class RowRefused extends Error {}

/** What SQLite says where tables or columns are gone, which is not the row's fault. */
const SCHEMA_IS_GONE = /^no such |has no column named/;

/** Whether an error is about the row, and not about the database. */
export function isRefusal(error: unknown): error is Error {
  if (error instanceof RowRefused) return true;
  const code = resultCode(error);
  // What a function in a CHECK, such as json_extract(), gives up with.
  if (code === 'SQLITE_ERROR') return !SCHEMA_IS_GONE.test((error as Error).message);
  return /^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(code ?? '');
}

const REASONS: Readonly<Record<string, string>> = {
  SQLITE_CONSTRAINT_CHECK: 'CHECK constraint failed',
  SQLITE_CONSTRAINT_FOREIGNKEY: 'FOREIGN KEY constraint failed',
  SQLITE_CONSTRAINT_NOTNULL: 'NOT NULL constraint failed',
  SQLITE_CONSTRAINT_PRIMARYKEY: 'UNIQUE constraint failed',
  SQLITE_CONSTRAINT_TRIGGER: 'a trigger refused it',
  SQLITE_CONSTRAINT_UNIQUE: 'UNIQUE constraint failed',
  SQLITE_CONSTRAINT_DATATYPE: 'the value is of another type',
};

/** Why the table refuses a row, in words of ours: a trigger's own may hold a value. */
export function refusalReason(error: Error): string {
  if (error instanceof RowRefused) return error.message;
  return REASONS[resultCode(error) ?? ''] ?? 'the database refused it';
}

/** Quotes a checked identifier. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
