/**
 * The receiver's side of SQLite: stands between the store and `node:sqlite`, names transactions for
 * the journal, and can kill the process around a COMMIT. The store itself is the real one.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { type SqliteStoreOptions, sqliteStore } from '../../src/stores/sqlite.ts';
import type { EventStore } from '../../src/stores/types.ts';
import { reached } from './moments.ts';

const sqlite = process.getBuiltinModule('node:sqlite') as {
  DatabaseSync: typeof DatabaseSync;
};

/** The first: process ids are used again. */
const boot = `${String(process.pid)}-${String(Date.now())}`;
let transactions = 0;
/** Whether the transaction in work has changed what the journal is about. */
let hasWritten = false;
/** Those the store has opened; the last one is in use. */
const opened: DatabaseSync[] = [];

/** Stores that are wrong on purpose, by what they put into a second transaction. */
const LATER: Readonly<Record<string, RegExp>> = {
  'row-first': /^INSERT INTO his_events/,
  'claim-first': /^(INSERT|UPDATE) OR ABORT/,
};
const later = LATER[process.env['CHAOS_MUTANT'] ?? ''];
const postponed: (() => unknown)[] = [];

class WatchedDatabase extends sqlite.DatabaseSync {
  constructor(...options: ConstructorParameters<typeof DatabaseSync>) {
    super(...options);
    this.function('chaos_transaction', () => {
      hasWritten = true;
      return `${boot}-${String(transactions)}`;
    });
    opened.push(this);
  }

  override exec(sql: string): void {
    if (sql.startsWith('BEGIN')) {
      transactions++;
      hasWritten = false;
    }
    if (sql !== 'COMMIT') {
      super.exec(sql);
      return;
    }
    this.#commit();
    if (postponed.length === 0) return;
    this.exec('BEGIN IMMEDIATE');
    for (const run of postponed.splice(0)) run();
    this.#commit();
  }

  override prepare(sql: string): StatementSync {
    const statement = super.prepare(sql);
    if (later?.test(sql) === true) {
      const run = statement.run.bind(statement);
      statement.run = ((...values: SQLInputValue[]) => {
        postponed.push(() => run(...values));
        return { changes: 1, lastInsertRowid: 0 };
      }) as StatementSync['run'];
    }
    return statement;
  }

  #commit(): void {
    if (!hasWritten) {
      super.exec('COMMIT');
      return;
    }
    reached('before');
    super.exec('COMMIT');
    reached('after');
  }
}

/** Opens the store under test. */
export function openSqlite(options: SqliteStoreOptions): EventStore {
  sqlite.DatabaseSync = WatchedDatabase;
  return sqliteStore(options);
}

/** How durable the store's own connection is. */
export function sqliteSettings(): Record<string, unknown> {
  const read = (name: string) => opened.at(-1)!.prepare(`PRAGMA ${name}`).get();
  return { ...read('journal_mode'), ...read('synchronous') };
}
