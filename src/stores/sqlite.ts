/**
 * The embedded store, on `node:sqlite` or `better-sqlite3`.
 *
 * @module @buktor/his-webhook/stores/sqlite
 */

import type { AuditTrail } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import type { TableSpec } from '../mapping/tables.ts';
import { judgeClaim, quarantineKey, quarantineQuota } from './inbox.ts';
import { appendAudit } from '../sqlite/audit.ts';
import { type Session, SqliteConnection, type SqliteTarget } from '../sqlite/connection.ts';
import {
  isRefusal,
  OwnFault,
  refusalReason,
  type SqliteDatabase,
  type SqliteStatement,
  type SqlValue,
} from '../sqlite/driver.ts';
import {
  claimNews,
  countQuarantined,
  type EntryId,
  eraseBodies,
  findEntry,
  findPage,
  forgetKeys,
  PRUNE_CHUNK,
  record,
  release,
  toEntry,
} from './sqlite/inbox.ts';
import { applyRow } from './sqlite/row.ts';
import { prepareSchema, type SchemaMode } from './sqlite/schema.ts';
import type {
  Change,
  EventFilter,
  EventStore,
  InboxStore,
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
 * The embedded store: an SQLite file, through `node:sqlite` (Node 22.13 and later) or a database of
 * `better-sqlite3` that is handed in.
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
 * @param options - `path` of the file, or an open `database` (a `DatabaseSync` of `node:sqlite`, a
 *   `Database` of `better-sqlite3`), which is switched to WAL, `synchronous = FULL` and `busy_timeout = 0`, and stays yours to close.
 * @throws ConfigurationError on Node below 22.13, or for a bad option.
 */
export function sqliteStore(options: SqliteStoreOptions): EventStore & InboxStore {
  return new SqliteStore(options);
}

const OPTIONS = ['path', 'database', 'schema', 'lockTimeout', 'quarantineQuota'];

/** The options as a caller without types may give them. */
interface Loose {
  readonly path: unknown;
  readonly database: Partial<SqliteDatabase>;
  readonly schema: unknown;
}

class SqliteStore implements EventStore, InboxStore {
  readonly audit: AuditTrail = {
    append: (entry) =>
      this.#connection.transaction((session) => {
        appendAudit(session, this.#mode, entry);
      }),
  };
  readonly #quota: number;
  readonly #mode: SchemaMode;
  readonly #connection: SqliteConnection;
  readonly #tables = new Map<string, TableSpec>();
  #preparing: Promise<void> = Promise.resolve();
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
    this.#connection = new SqliteConnection('sqliteStore', options, lockTimeout, (session) => {
      // Bodies that were erased or replaced are not to stay in the file's free pages.
      if (isPath) session.exec('PRAGMA secure_delete = ON');
      // A file that was replaced has to have the tables too.
      if (this.#isPrepared) prepareSchema(session, [...this.#tables.values()], this.#mode);
    });
  }

  prepare(tables: readonly TableSpec[]): Promise<void> {
    // One after another: each adds to what stands when it begins.
    const prepared = this.#preparing.then(() => this.#prepare(tables));
    this.#preparing = prepared.catch(() => undefined);
    return prepared;
  }

  async #prepare(tables: readonly TableSpec[]): Promise<void> {
    const wanted = new Map(this.#tables);
    for (const spec of tables) {
      const known = wanted.get(spec.table);
      const columns = [...new Set([...(known?.columns ?? []), ...spec.columns])];
      wanted.set(spec.table, { ...spec, columns, types: { ...known?.types, ...spec.types } });
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
    const run = <T>(work: (session: Session) => T): Promise<T> =>
      this.#connection.transaction(work, { signal: options.signal });
    try {
      return await run((session) => commitAll(session, batch));
    } catch (error) {
      if (refusalOf(error) === undefined) throw error;
    }
    // One row was refused and the batch rolled back: find it, and commit its neighbours.
    try {
      return await run((session) => batch.map((change) => commitGuarded(session, change)));
    } catch (error) {
      if (!(error instanceof SavepointLost)) throw error;
    }
    // A trigger that says RAISE(ROLLBACK) leaves nothing to go back to.
    const verdicts: Verdict[] = [];
    for (const change of batch) {
      try {
        verdicts.push(await run((session) => commitOne(session, change)));
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        verdicts.push(describeRefusal(refusal, change));
      }
    }
    return verdicts;
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

  record(event: Change): Promise<void> {
    return this.#connection.transaction((session) => {
      record(session, toEntry(event));
      releaseReplayed(session, event);
    });
  }

  async prune(policy: { readonly bodiesBefore?: Date; readonly keysBefore?: Date }): Promise<{
    readonly bodies: number;
    readonly keys: number;
  }> {
    const { bodiesBefore, keysBefore } = policy;
    const keys = keysBefore === undefined ? 0 : await this.#forget(keysBefore.toISOString());
    const bodies = bodiesBefore === undefined ? 0 : await this.#erase(bodiesBefore.toISOString());
    // Also where nothing was due: a body in quarantine may have been replaced since.
    await this.#connection.emptyLog();
    return { bodies, keys };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #erase(before: string): Promise<number> {
    let total = 0;
    let count: number;
    do {
      count = await this.#connection.transaction((session) => eraseBodies(session, before));
      total += count;
    } while (count === PRUNE_CHUNK);
    return total;
  }

  async #forget(before: string): Promise<number> {
    let total = 0;
    let start: EntryId | undefined = { clientId: '', eventId: '' };
    while (start !== undefined) {
      const from: EntryId = start;
      const { count, end } = await this.#connection.transaction((session) =>
        forgetKeys(session, before, from),
      );
      total += count;
      start = end;
    }
    return total;
  }
}

function commitAll(session: Session, batch: readonly Change[]): readonly Verdict[] {
  // What a replay may do depends on the events before it.
  const hasReplay = batch.some(({ replayOf }) => replayOf !== undefined);
  const claimed = hasReplay ? 0 : claimNews(session, batch);
  return batch.map((change, index) =>
    index < claimed ? changeRow(session, change) : commitOne(session, change),
  );
}

function commitOne(session: Session, change: Change): Verdict {
  if (isOutdated(session, change)) return 'duplicate';
  const judgement = judgeClaim(findEntry(session, change.clientId, change.eventId), change);
  if (judgement === 'conflict') return 'conflict';
  if (judgement === 'fresh') record(session, toEntry(change));
  releaseReplayed(session, change);
  return judgement === 'duplicate' ? 'duplicate' : changeRow(session, change);
}

function changeRow(session: Session, { clientId, row }: Change): Verdict {
  return row === null || applyRow(session, clientId, row) ? 'applied' : 'stale';
}

/** Drops what a replay began with, where it stands under another key than the event. */
function releaseReplayed(session: Session, { clientId, eventId, replayOf }: Change): void {
  if (replayOf !== undefined && replayOf.key !== eventId) release(session, clientId, replayOf.key);
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
    try {
      session.exec('ROLLBACK TO change');
    } catch {
      throw new SavepointLost();
    }
    session.exec('RELEASE change');
    return describeRefusal(error, change);
  }
}

/** A refusal took the whole transaction with it. */
class SavepointLost extends OwnFault {}

function describeRefusal(error: Error, { row }: Change): Verdict {
  const columns = Object.keys({ ...row?.key, ...row?.values });
  const column = columns.find((name) => new RegExp(`\\b${name}\\b`).test(error.message));
  return { rejected: refusalReason(error), ...(column === undefined ? {} : { column }) };
}

/** The refusal behind what a transaction failed with. */
function refusalOf(error: unknown): Error | undefined {
  return [error, (error as Partial<Error>).cause].find(isRefusal);
}
