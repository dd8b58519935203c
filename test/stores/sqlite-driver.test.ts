import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Session } from '../../src/sqlite/connection.ts';
import {
  isBusy,
  isFull,
  isRefusal,
  isSqliteError,
  quote,
  refusalReason,
  RowRefused,
} from '../../src/sqlite/driver.ts';

/** As `node:sqlite` throws it, and as `better-sqlite3` does. */
const thrown = (errcode: number, code: string, message = 'x') => [
  Object.assign(new Error(message), { errcode, code: 'ERR_SQLITE_ERROR' }),
  Object.assign(new Error(message), { code }),
];

describe('an error of SQLite', () => {
  it.each([
    [5, 'SQLITE_BUSY'],
    [517, 'SQLITE_BUSY_SNAPSHOT'],
    [6, 'SQLITE_LOCKED'],
    [262, 'SQLITE_LOCKED_SHAREDCACHE'],
  ])('%i is a lock that is waited for', (errcode, code) => {
    for (const error of thrown(errcode, code)) {
      expect([isBusy(error), isFull(error), isRefusal(error)]).toEqual([true, false, false]);
    }
  });

  it.each([
    [13, 'SQLITE_FULL', true],
    [10, 'SQLITE_IOERR', false],
    [11, 'SQLITE_CORRUPT', false],
  ])('%i is of the database', (errcode, code, full) => {
    for (const error of thrown(errcode, code)) {
      expect([isBusy(error), isFull(error), isRefusal(error)]).toEqual([false, full, false]);
    }
  });

  it.each([
    [18, 'SQLITE_TOOBIG', 'the database refused it'],
    [20, 'SQLITE_MISMATCH', 'the database refused it'],
    [19, 'SQLITE_CONSTRAINT', 'the database refused it'],
    [275, 'SQLITE_CONSTRAINT_CHECK', 'CHECK constraint failed'],
    [787, 'SQLITE_CONSTRAINT_FOREIGNKEY', 'FOREIGN KEY constraint failed'],
    [1299, 'SQLITE_CONSTRAINT_NOTNULL', 'NOT NULL constraint failed'],
    [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY', 'UNIQUE constraint failed'],
    [1811, 'SQLITE_CONSTRAINT_TRIGGER', 'a trigger refused it'],
    [2067, 'SQLITE_CONSTRAINT_UNIQUE', 'UNIQUE constraint failed'],
    [3091, 'SQLITE_CONSTRAINT_DATATYPE', 'the value is of another type'],
  ])('%i is of the row, in words that hold no value', (errcode, code, reason) => {
    for (const error of thrown(errcode, code, 'Zoë')) {
      expect([isBusy(error), isFull(error), isRefusal(error)]).toEqual([false, false, true]);
      expect(refusalReason(error)).toBe(reason);
    }
  });

  it('is of the row where a function gives up, and of the database where its schema is gone', () => {
    for (const message of ['malformed JSON', 'Zoë: no such table: x']) {
      for (const error of thrown(1, 'SQLITE_ERROR', message)) expect(isRefusal(error)).toBe(true);
    }
    for (const message of [
      'no such table: job',
      'no such column: a',
      'table job has no column named a',
    ]) {
      for (const error of thrown(1, 'SQLITE_ERROR', message)) expect(isRefusal(error)).toBe(false);
    }
  });

  it('is none where somebody else throws', () => {
    for (const error of [
      new Error('x'),
      Object.assign(new Error('x'), { code: 'ENOENT' }),
      null,
      'x',
    ]) {
      expect([isSqliteError(error), isBusy(error), isRefusal(error)]).toEqual([
        false,
        false,
        false,
      ]);
    }
    const own = new RowRefused('a trigger dropped it');
    expect([isSqliteError(own), isRefusal(own)]).toEqual([false, true]);
    expect(refusalReason(own)).toBe('a trigger dropped it');
  });
});

describe('quote', () => {
  it('lets no identifier end itself', () => {
    expect(quote('a')).toBe('"a"');
    expect(quote('a"; DROP TABLE "b')).toBe('"a""; DROP TABLE ""b"');
  });
});

describe('Session', () => {
  it('keeps statements, but not any number of them', () => {
    const database = new DatabaseSync(':memory:');
    onTestFinished(() => {
      database.close();
    });
    const session = new Session(database);
    const first = session.prepare('SELECT 0');
    for (let n = 1; n < 1_000; n++) session.prepare(`SELECT ${String(n)}`);
    expect(session.prepare('SELECT 0')).toBe(first);
    session.prepare('SELECT 1000');
    expect(session.prepare('SELECT 0')).not.toBe(first);
  });
});
