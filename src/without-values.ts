import { HisWebhookError, StorageError } from './errors.ts';

/** What spoke: a database's driver, or code of the host's that we called. */
export type Speaker = 'driver' | 'host';

/** Errors made here, which need not be looked at again. */
const clean = new WeakSet<object>();

/**
 * An error in words that hold nothing of an event: what is handed to a host, who may log it.
 *
 * Kept are the class of the error, its code (SQLSTATE, result code, `ECONNREFUSED`), the names of the
 * constraint, table and column, and where it was thrown. Its message is kept only where it cannot quote
 * a value: what a server says of a row or a value does (`detail`, `where`, the messages of SQLSTATE
 * classes 22, 23 and 44, and of whatever runs in a function of the host's), drivers add the parameters
 * of the statement, and adapters of other libraries put them behind the message.
 *
 * @param speaker - Of a `host`, a message without a code is left out; a `driver` speaks of connections then.
 */
export function withoutValues(error: unknown, speaker: Speaker = 'driver'): Error {
  if (error instanceof Error && clean.has(error)) return error;
  // The messages of our own errors hold no value; who makes one says so.
  if (error instanceof HisWebhookError && !(error instanceof StorageError)) return error;
  if (error instanceof StorageError) {
    const cause = error.cause === undefined ? {} : { cause: withoutValues(error.cause, speaker) };
    return finish(new StorageError(error.message, cause), error);
  }
  const inner = innermost(error);
  const made = Object.assign(new Error(messageOf(error, inner, speaker)), detailsOf(error, inner));
  const name: unknown = inner?.name;
  // As classes are named; pg's are called `error`.
  if (typeof name === 'string' && /^(error|\w{0,60}(Error|Exception))$/.test(name)) {
    hidden(made, 'name', name);
  }
  return finish(made, inner);
}

/** Members of an error, as far as anybody has them. */
interface Loose {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly errcode?: unknown;
  readonly syscall?: unknown;
  readonly where?: unknown;
  readonly [name: string]: unknown;
}

/** Adapters wrap what a driver says; a connection that was tried several times has several errors. */
function innermost(error: unknown): (Error & Loose) | undefined {
  let inner = error;
  for (let depth = 0; depth < 10 && inner instanceof Error; depth++) {
    const next = inner.cause ?? (inner.message === '' ? firstOf(inner) : undefined);
    if (!(next instanceof Error)) return inner as Error & Loose;
    inner = next;
  }
  return undefined;
}

function firstOf(error: Error): unknown {
  return error instanceof AggregateError ? (error.errors as unknown[])[0] : undefined;
}

function messageOf(error: unknown, inner: (Error & Loose) | undefined, speaker: Speaker): string {
  if (inner === undefined) return 'What was thrown is no error.';
  const { syscall, code } = inner;
  // A path or an address that was asked for may be made of what a host looks for.
  if (typeof syscall === 'string') return [syscall, codeOf(code)].join(' ').trim();
  const state = causedBySqlState(error);
  if (state !== undefined) {
    return mayQuote(state, inner) ? `PostgreSQL refused it (${state}).` : firstLine(inner.message);
  }
  const result = sqliteCode(inner);
  if (result !== undefined) {
    return sqliteMayQuote(result, inner.message)
      ? `SQLite refused it (${result}).`
      : firstLine(inner.message);
  }
  return speaker === 'driver'
    ? firstLine(inner.message)
    : 'The message is left out, because it may hold values.';
}

/** Statements that adapters put before a message, and parameters that they put behind it, are cut off. */
function firstLine(message: string): string {
  return message
    .replace(/\n[^]*/, '')
    .replace(/^.* - /, '')
    .slice(0, 200);
}

const NAMES = ['constraint', 'schema', 'table', 'column', 'dataType'] as const;

function detailsOf(
  error: unknown,
  inner: (Error & Loose) | undefined,
): Readonly<Record<string, string | number>> {
  if (inner === undefined) return {};
  const details: Record<string, string | number> = {};
  const state = causedBySqlState(error);
  const code = state ?? codeOf(inner.code) ?? codeOf((error as Loose).code);
  if (code !== undefined) details['code'] = code;
  if (typeof inner.errcode === 'number') details['errcode'] = inner.errcode;
  // A function of the host's may raise an error with names of its choice.
  if (state === undefined || isHostsOwn(state, inner)) return details;
  for (const name of NAMES) {
    const value = inner[name];
    if (typeof value === 'string') details[name] = value.slice(0, 63);
  }
  return details;
}

function codeOf(code: unknown): string | undefined {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : undefined;
}

/** The SQLSTATE of an error, where it is the server's. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as Loose | null | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The SQLSTATE of an error, or of what it was caused by. */
export function causedBySqlState(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; depth < 10 && cause instanceof Error; depth++) {
    const state = sqlState(cause);
    if (state !== undefined) return state;
    cause = cause.cause;
  }
  return undefined;
}

/** The classes PostgreSQL defines (and the names Node gives to its errors); a host's RAISE may use any other. */
const DEFINED = /^(0[0-9A-Z]|2[0-8BDF]|3[489BDF]|4[024]|5[3-8]|72|F0|HV|P0|XX|E[A-Z]{4}$)/;

/** Whether an SQLSTATE is one that PostgreSQL itself gives. */
export function isDefinedState(state: string): boolean {
  return DEFINED.test(state);
}

/** Raised by code of the host's, or within it. */
function isHostsOwn(state: string, { where }: Loose): boolean {
  return where !== undefined || state.startsWith('P0') || !isDefinedState(state);
}

/** Values (22), constraints (23) and the checks of views (44) are told with what does not fit. */
function mayQuote(state: string, error: Loose): boolean {
  return /^(2[23]|44)/.test(state) || isHostsOwn(state, error);
}

/** SQLite's result codes that are told apart, by their numbers. */
const SQLITE_CODES: Readonly<Record<number, string>> = {
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
export function sqliteCode(error: unknown): string | undefined {
  const { errcode, code } = (error ?? {}) as Loose;
  if (typeof errcode === 'number') {
    return SQLITE_CODES[errcode] ?? SQLITE_CODES[errcode & 0xff] ?? 'SQLITE';
  }
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : undefined;
}

/** What SQLite says of its schema; whatever else is an SQLITE_ERROR may come from a function of the host's. */
const OF_THE_SCHEMA =
  /^(no such (table|column|index|savepoint): |no such savepoint|table .* (has no column named|already exists)|duplicate column name)/;

/** A trigger, a function and a virtual table speak in words of their own. */
function sqliteMayQuote(code: string, message: string): boolean {
  if (code === 'SQLITE_ERROR') return !OF_THE_SCHEMA.test(message);
  return /^SQLITE_CONSTRAINT(_TRIGGER|_FUNCTION|_VTAB)?$/.test(code);
}

/** Gives a new error the place where the old one was thrown. */
function finish(made: Error, from: Error | undefined): Error {
  const message = from?.message ?? '';
  const stack = typeof from?.stack === 'string' ? from.stack : '';
  const at = stack.indexOf(message);
  const frames = at < 0 ? [] : stack.slice(at + message.length).split('\n');
  const lines = frames.filter((line) => /^ {4}at /.test(line));
  hidden(made, 'stack', [`${made.name}: ${made.message}`, ...lines].join('\n'));
  clean.add(made);
  return made;
}

function hidden(error: Error, name: string, value: string): void {
  Object.defineProperty(error, name, {
    value,
    configurable: true,
    enumerable: false,
    writable: true,
  });
}
