import { ConfigurationError } from '../errors.ts';
import { sqliteCode } from '../without-values.ts';

/** What SQLite takes and gives. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** A prepared statement, as both drivers have it. */
export interface SqliteStatement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
  /** Makes rows lists of values; `node:sqlite` has it since Node 22.16. */
  setReturnArrays?(isOn: boolean): void;
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

/** Whether an error comes from SQLite. */
export function isSqliteError(error: unknown): boolean {
  return sqliteCode(error) !== undefined;
}

/** Someone else is writing. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error) ?? '');
}

/** Nothing is wrong with the database but its room. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error) === 'SQLITE_FULL';
}

/** What work of ours throws within a transaction, to be handed on as it is. */
export class OwnFault extends Error {}

/** The table takes no such row, and SQLite has not said so by itself. */
export class RowRefused extends OwnFault {}

/** What SQLite says where tables or columns are gone, which is not the row's fault. */
const SCHEMA_IS_GONE = /^no such |has no column named/;

/** Whether an error is about the row, and not about the database. */
export function isRefusal(error: unknown): error is Error {
  if (error instanceof RowRefused) return true;
  const code = sqliteCode(error);
  // What a function in a CHECK, such as json_extract(), gives up with.
  if (code === 'SQLITE_ERROR') return !SCHEMA_IS_GONE.test((error as Error).message);
  return /^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(code ?? '');
}

/** Whether a row is refused because there is another of its key. */
export function isTaken(error: unknown): boolean {
  return /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(sqliteCode(error) ?? '');
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
  return REASONS[sqliteCode(error) ?? ''] ?? 'the database refused it';
}

/** Quotes a checked identifier. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
