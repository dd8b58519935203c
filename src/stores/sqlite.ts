/**
 * The embedded store, on `node:sqlite`.
 *
 * @module @buktor/his-webhook/stores/sqlite
 */

import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import type { TableSpec } from '../mapping/tables.ts';
import { judgeClaim, quarantineKey, quarantineQuota } from './inbox.ts';
import { type Session, SqliteConnection, type SqliteTarget } from './sqlite/connection.ts';
import {
  isRefusal,
  refusalReason,
  type SqliteDatabase,
  type SqliteStatement,
  type SqlValue,
} from './sqlite/driver.ts';
import { countQuarantined, findEntry, findPage, record, release } from './sqlite/inbox.ts';
import { applyRow } from './sqlite/row.ts';
import { prepareSchema, type SchemaMode } from './sqlite/schema.ts';
import type {
  Change,
  EventFilter,
  EventStore,
  QuarantineVerdict,
  RefusedEvent,
  StoredEvent,
  StoreOptions,
  Verdict,
} from './types.ts';

/** Options of {@link sqliteStore}: where the database is, and how it is treated. */
export type SqliteStoreOptions = StoreOptions &
  SqliteTarget & {
    /**
     * `auto` creates missing tables and adds missing nullable columns, nothing else; `managed`
     * only checks, and names everything that is missing.
     * @default 'auto'
     */
    readonly schema?: SchemaMode;
    /**
     * How long a commit waits for another writer, in milliseconds.
     * @default 5_000
     */
    readonly lockTimeout?: number;
  };

export type { SchemaMode, SqliteDatabase, SqliteStatement, SqliteTarget, SqlValue };

/**
 * The embedded store: an SQLite file, through `node:sqlite` (Node 22.13 and later).
 *
 * An event is claimed and its row changed in one transaction, in WAL mode with `synchronous =
 * FULL`: what was acknowledged survives a crash of the process and of the machine. A file that is
 * removed or replaced while the process runs is noticed.
 *
 * @example
 * ```ts
 * import { sqliteStore } from '@buktor/his-webhook/stores/sqlite';
 *
 * const store = sqliteStore({ path: 'buktor.db' });
 * ```
 *
 * @param options - `path` of the file, or an open `database` (a `DatabaseSync`), which is switched
 *   to WAL, `synchronous = FULL` and `busy_timeout = 0`, and stays yours to close.
 * @throws ConfigurationError on Node below 22.13, or for a bad option.
 */
export function sqliteStore(options: SqliteStoreOptions): EventStore {
  return new SqliteStore(options);
}

const OPTIONS = ['path', 'database', 'schema', 'lockTimeout', 'quarantineQuota'];

/** The options as a caller without types may give them. */
interface Loose {
  readonly path: unknown;
  readonly database: Partial<SqliteDatabase>;
  readonly schema: unknown;
}

class SqliteStore implements EventStore {
  readonly #quota: number;
  readonly #mode: SchemaMode;
  readonly #connection: SqliteConnection;
  readonly #tables = new Map<string, TableSpec>();
  #isPrepared = false;

  constructor(options: SqliteStoreOptions) {
    checkMembers('sqliteStore', options, OPTIONS);
    const { path, database, schema = 'auto' }: Partial<Loose> = options;
    const isPath = typeof path === 'string' && database === undefined;
    const isDatabase = path === undefined && typeof database?.prepare === 'function';
    if (!isPath && !isDatabase) {
      throw new ConfigurationError('sqliteStore needs the path of a file or an open database.');
    }
    if (schema !== 'auto' && schema !== 'managed') {
      throw new ConfigurationError("schema must be 'auto' or 'managed'.");
    }
    this.#quota = quarantineQuota(options.quarantineQuota);
    this.#mode = schema;
    const lockTimeout = options.lockTimeout ?? 5_000;
    if (!(lockTimeout >= 0)) throw new ConfigurationError('lockTimeout must be 0 or more.');
    this.#connection = new SqliteConnection(options, lockTimeout, (session) => {
      // A file that was replaced has to have the tables too.
      if (this.#isPrepared) prepareSchema(session, [...this.#tables.values()], this.#mode);
    });
  }

  async prepare(tables: readonly TableSpec[]): Promise<void> {
    const wanted = new Map(this.#tables);
    for (const spec of tables) {
      const known = wanted.get(spec.table);
      const columns = [...new Set([...(known?.columns ?? []), ...spec.columns])];
      wanted.set(spec.table, { ...spec, columns });
    }
    await this.#connection.transaction((session) => {
      prepareSchema(session, [...wanted.values()], this.#mode);
    });
    for (const [name, spec] of wanted) this.#tables.set(name, spec);
    this.#isPrepared = true;
  }

  async commit(
    batch: readonly Change[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly Verdict[]> {
    try {
      return await this.#connection.transaction(
        (session) => batch.map((change) => commitOne(session, change)),
        options.signal,
      );
    } catch (error) {
      if (!isRefusal(error) && !isRefusal(cause(error))) throw error;
    }
    // One row was refused and the batch rolled back: find it, and commit its neighbours.
    return this.#connection.transaction(
      (session) => batch.map((change) => commitGuarded(session, change)),
      options.signal,
    );
  }

  quarantine(event: RefusedEvent): Promise<QuarantineVerdict> {
    return this.#connection.transaction((session) => {
      const { clientId, eventId } = event;
      if (isOutdated(session, event)) return 'duplicate';
      const entry = eventId === null ? undefined : findEntry(session, clientId, eventId);
      const place = quarantineKey(entry, event);
      if (place === 'duplicate') return 'duplicate';
      if (
        findEntry(session, clientId, place.key) === undefined &&
        countQuarantined(session, clientId) >= this.#quota
      ) {
        return 'over_quota';
      }
      record(session, { ...event, eventId: place.key, state: 'quarantined' });
      return 'quarantined';
    });
  }

  async *find(filter: EventFilter): AsyncGenerator<StoredEvent> {
    let last: StoredEvent | undefined;
    do {
      const page = await this.#connection.transaction((session) => findPage(session, filter, last));
      yield* page;
      last = page.at(-1);
    } while (last !== undefined);
  }

  prune(policy: { readonly bodiesBefore?: Date; readonly keysBefore?: Date }): Promise<{
    readonly bodies: number;
    readonly keys: number;
  }> {
    const { bodiesBefore, keysBefore } = policy;
    return this.#connection.transaction((session) => {
      const run = (sql: string, before: Date | undefined): number =>
        before === undefined ? 0 : Number(session.prepare(sql).run(before.toISOString()).changes);
      const old = `state <> 'quarantined' AND received_at < ?`;
      const keys = run(`DELETE FROM his_events WHERE ${old}`, keysBefore);
      const bodies = run(
        `UPDATE his_events SET body = NULL WHERE body IS NOT NULL AND ${old}`,
        bodiesBefore,
      );
      return { bodies, keys };
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

function commitOne(session: Session, change: Change): Verdict {
  const { clientId, eventId, row, replayOf } = change;
  if (isOutdated(session, change)) return 'duplicate';
  const claim = judgeClaim(findEntry(session, clientId, eventId), change);
  if (claim === 'conflict') return 'conflict';
  if (replayOf !== undefined && replayOf.key !== eventId) release(session, clientId, replayOf.key);
  if (claim === 'duplicate') return 'duplicate';
  const state = row === null ? 'declined' : 'applied';
  record(session, { ...change, state, code: null, reason: null });
  return row === null || applyRow(session, clientId, row) ? 'applied' : 'stale';
}

/** Whether what is being replayed was replaced or settled since it was read. */
function isOutdated(session: Session, { clientId, replayOf }: Change | RefusedEvent): boolean {
  if (replayOf === undefined) return false;
  return findEntry(session, clientId, replayOf.key)?.attempts !== replayOf.attempts;
}

/** Commits a change so that its refusal leaves the rest of the batch alone. */
function commitGuarded(session: Session, change: Change): Verdict {
  session.exec('SAVEPOINT change');
  try {
    const verdict = commitOne(session, change);
    session.exec('RELEASE change');
    return verdict;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    session.exec('ROLLBACK TO change');
    session.exec('RELEASE change');
    const columns = Object.keys({ ...change.row?.key, ...change.row?.values });
    const column = columns.find((name) => new RegExp(`\\b${name}\\b`).test(error.message));
    return { rejected: refusalReason(error), ...(column === undefined ? {} : { column }) };
  }
}

function cause(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
