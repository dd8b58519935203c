import { isDefinedState, sqlState } from '../../without-values.ts';

/** A result, as `pg` and PGlite give it. */
export interface PostgresResult {
  readonly rows: readonly unknown[];
}

/** A connection checked out of a pool. */
export interface PostgresClient {
  query(query: {
    readonly text: string;
    readonly values: unknown[];
    readonly name?: string;
  }): Promise<PostgresResult>;
  /** Hands it back; with an error or `true` it is closed instead. */
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A pool of connections: a `Pool` of `pg`, described by what is used of it. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'connect', listener: (client: PostgresClient) => void): unknown;
  readonly options?: { readonly connectionTimeoutMillis?: number | undefined };
}

/** An embedded Postgres: a `PGlite` of `@electric-sql/pglite`, described by what is used of it. */
export interface PgliteDatabase {
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
  transaction<T>(
    work: (transaction: {
      query(text: string, values?: unknown[]): Promise<PostgresResult>;
    }) => Promise<T>,
  ): Promise<T>;
}

/** What goes into a statement: texts, and bytes. */
export type SqlValue = string | null | Uint8Array;

/** A row of which every column was asked for as text, or is bytes. */
export type TextRow = Readonly<Record<string, string | null>>;

/** Runs statements, in a transaction or each in its own. */
export interface Session {
  /** @param name - Names the statement, where the server should plan it once only. */
  query(text: string, values: readonly SqlValue[], name?: string): Promise<readonly TextRow[]>;
}

/** Makes a transaction wait for the disk; what else the host has set stays. */
export const DURABILITY = `set_config('synchronous_commit', CASE current_setting('synchronous_commit')
      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`;

/** Quotes a checked identifier. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** Quotes a text. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

type ArrayItem = string | number | boolean | null | undefined;

/** A list as the text of a Postgres array, because drivers differ in how they write one. */
export function arrayOf(values: readonly ArrayItem[]): string {
  // There is mostly nothing to escape, and joining makes one text, not one for every item.
  if (values.length > 0 && values.every(isPlain)) return `{"${values.join('","')}"}`;
  return `{${values.map(toItem).join()}}`;
}

function isPlain(value: ArrayItem): boolean {
  if (typeof value === 'string') return !value.includes('"') && !value.includes('\\');
  return value !== null && value !== undefined;
}

function toItem(value: ArrayItem): string {
  if (typeof value !== 'string') return String(value ?? 'NULL');
  return `"${isPlain(value) ? value : value.replace(/["\\]/g, '\\$&')}"`;
}

/** An error that says which column, constraint or type it is about. */
export interface PostgresError extends Error {
  readonly code: string;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
}

/**
 * Whether an error is about the row, and not about the database: a value (class 22), a constraint
 * (23), a view's check (44), a trigger's RAISE (P0), a key too long for its index (54000), a row met
 * twice (21000).
 */
export function isRefusal(error: unknown): error is PostgresError {
  const state = sqlState(error);
  return state !== undefined && (/^(2[0123]|44|P0)|^54000$/.test(state) || !isDefinedState(state));
}

/** Whether the same transaction may well succeed when it is run again. */
export function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || isStatementLost(error);
}

/** Whether the server does not have the named statement that this connection prepared, or has it. */
export function isStatementLost(error: unknown): boolean {
  const state = sqlState(error);
  return state === '26000' || state === '42P05';
}

/** Whether tables or columns are not as they were when they were looked at. */
export function isSchemaGone(error: unknown): boolean {
  return /^(42|0A000|3F000)/.test(sqlState(error) ?? '');
}

/** The statement itself says so where a trigger of the host's dropped a row without an error. */
export const DROPPED = 'dropped by a trigger';

const REASONS: Readonly<Record<string, string>> = {
  '22001': 'the value is too long',
  '22003': 'the number is out of range',
  '22007': 'the value is no date or time',
  '22008': 'the date or time is out of range',
  '22P02': 'the value is of another type',
  '23502': 'NOT NULL constraint failed',
  '23503': 'FOREIGN KEY constraint failed',
  '23505': 'UNIQUE constraint failed',
  '23514': 'CHECK constraint failed',
  '23P01': 'EXCLUDE constraint failed',
  '54000': 'the key is too long',
  P0001: 'a trigger refused it',
};

/** Why the table refuses a row, in words of ours: the server's own may hold a value. */
export function refusalReason(error: PostgresError): string {
  if (error.message.includes(DROPPED)) return 'a trigger dropped it';
  return REASONS[error.code] ?? 'the database refused it';
}
