/**
 * The embedded outbox, on `node:sqlite` or `better-sqlite3`.
 *
 * @module @buktor/his-webhook/outboxes/sqlite
 */

import type { AuditTrail } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError, EventError } from '../errors.ts';
import { appendAudit } from '../sqlite/audit.ts';
import { SqliteConnection, type SqliteTarget } from '../sqlite/connection.ts';
import type { SqliteDatabase, SqliteStatement, SqlValue } from '../sqlite/driver.ts';
import type {
  ClaimedEvent,
  DeadLetter,
  DeadLetterFilter,
  Outbox,
  OutboxCounts,
  QueuedEvent,
  Settlement,
} from '../sender/outbox.ts';
import { Enlistment } from './sqlite/enlistment.ts';
import {
  claimDue,
  countEvents,
  discardDead,
  enqueueEvent,
  forgetDelivered,
  extendClaims,
  findDead,
  OUTBOX_SQL,
  redriveDead,
  settleClaims,
} from './sqlite/queue.ts';

export type { SqliteDatabase, SqliteStatement, SqliteTarget, SqlValue };

/** Options of {@link sqliteOutbox}: where the database is, and how it is treated. */
export type SqliteOutboxOptions = SqliteTarget & {
  /**
   * Keeps the events of several senders apart in one database.
   * @default 'default'
   */
  readonly queue?: string;
  /**
   * How long it is remembered that an event was delivered, in milliseconds, so that the same event is not
   * queued a second time. Its payload is erased at once, and a digest kept.
   * @default 0
   */
  readonly keepDelivered?: number;
  /**
   * How long it waits for another writer, in milliseconds.
   * @default 5_000
   */
  readonly lockTimeout?: number;
};

/**
 * The embedded outbox: the table `his_outbox` in an SQLite file, through `node:sqlite` (Node 22.13 and
 * later) or a database of `better-sqlite3` that is handed in. Several processes may work on one file.
 *
 * What `enqueue` has acknowledged survives a crash of the process and of the machine (WAL mode,
 * `synchronous = FULL`). With `transaction`, an open database of the same file, an event is queued by
 * the caller's own transaction: it is sent if that commits, and never was if it is rolled back.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite';
 * import { sqliteOutbox } from '@buktor/his-webhook/outboxes/sqlite';
 * import { createSender } from '@buktor/his-webhook/sender';
 *
 * const database = new DatabaseSync('his.db');
 * const outbox = sqliteOutbox({ path: 'his.db' });
 * const sender = createSender({ url: 'https://api.buktor.com/his/receive', token, secret, outbox });
 *
 * database.exec('BEGIN IMMEDIATE');
 * database.exec("INSERT INTO appointment (id, status) VALUES ('A123', 'confirmed')");
 * await sender.enqueue(event, { transaction: database });
 * database.exec('COMMIT');
 * ```
 *
 * @param options - `path` of the file, or an open `database` (a `DatabaseSync` of `node:sqlite`, a
 *   `Database` of `better-sqlite3`), which is switched to WAL, `synchronous = FULL` and `busy_timeout = 0`,
 *   and stays yours to close.
 * @throws ConfigurationError on Node below 22.13, or for a bad option.
 */
export function sqliteOutbox(options: SqliteOutboxOptions): Outbox<SqliteDatabase> {
  return new SqliteOutbox(options);
}

const OPTIONS = ['path', 'database', 'queue', 'keepDelivered', 'lockTimeout'];

/** The options as a caller without types may give them. */
interface Loose {
  readonly path: unknown;
  readonly database: Partial<SqliteDatabase>;
  readonly queue: unknown;
}

/** An event on its way into the next transaction. */
interface Arrival {
  readonly event: QueuedEvent;
  readonly now: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Whoever holds a claim is gone when the machine is, and a settlement that is lost with it lets the event
 * be sent once more, which the receiver notices. So only what was acknowledged waits for the disk.
 */
const FLEETING = { isFleeting: true } as const;

/** So many pages of 4 KiB the log grows by before they go into the file. */
const CHECKPOINT = 4_000;

/** How long what was erased may stay in the log, in milliseconds; emptying it waits for the disk. */
const LOG_KEPT = 5_000;

/** So many events are enqueued by one transaction. */
const MAX_BATCH = 500;

class SqliteOutbox implements Outbox<SqliteDatabase> {
  readonly audit: AuditTrail = {
    append: (entry) =>
      this.#connection.transaction((session) => {
        appendAudit(session, 'auto', entry);
      }),
  };
  readonly #queue: string;
  readonly #keepDelivered: number;
  readonly #connection: SqliteConnection;
  readonly #enlistment: Enlistment;
  #arrivals: Arrival[] = [];
  /** When a payload was erased that the log may still hold; by the sender's clock. */
  #erasedAt: number | undefined;

  constructor(options: SqliteOutboxOptions) {
    checkMembers('sqliteOutbox', options, OPTIONS);
    const { path, database, queue = 'default' }: Partial<Loose> = options;
    const isPath = typeof path === 'string' && database === undefined;
    const isDatabase = path === undefined && typeof database?.prepare === 'function';
    if (!isPath && !isDatabase) {
      throw new ConfigurationError('sqliteOutbox needs the path of a file or an open database.');
    }
    if (typeof queue !== 'string' || queue === '') {
      throw new ConfigurationError('queue must be a string, and not empty.');
    }
    const { lockTimeout = 5_000, keepDelivered = 0 } = options;
    if (!(lockTimeout >= 0)) throw new ConfigurationError('lockTimeout must be 0 or more.');
    if (!(keepDelivered >= 0)) throw new ConfigurationError('keepDelivered must be 0 or more.');
    this.#queue = queue;
    this.#keepDelivered = keepDelivered;
    this.#enlistment = new Enlistment(options);
    this.#connection = new SqliteConnection('sqliteOutbox', options, lockTimeout, (session) => {
      // Payloads of delivered events are not to stay in the file's free pages.
      if (isPath) session.exec('PRAGMA secure_delete = ON');
      // Each page of the queue is written three times within a moment, and need be copied once.
      if (isPath) session.exec(`PRAGMA wal_autocheckpoint = ${String(CHECKPOINT)}`);
      session.exec(OUTBOX_SQL);
    });
  }

  enqueue(
    event: QueuedEvent,
    options: { readonly now: number; readonly transaction?: SqliteDatabase | undefined },
  ): Promise<void> {
    const { now, transaction } = options;
    if (transaction !== undefined) {
      // Within the call, because a transaction of a synchronous database may be over after it.
      const isQueued = this.#enlistment.run(transaction, (session) =>
        enqueueEvent(session, this.#queue, event, now),
      );
      if (!isQueued) throw otherBody();
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#arrivals.push({ event, now, resolve, reject });
      if (this.#arrivals.length === 1) void this.#enqueueArrivals();
    });
  }

  async claim(options: {
    readonly limit: number;
    readonly lease: number;
    readonly now: number;
  }): Promise<readonly ClaimedEvent[]> {
    // Here, because a sender asks now and then, also when nothing is queued.
    if (
      options.now - (this.#erasedAt ?? Infinity) >= LOG_KEPT &&
      (await this.#connection.emptyLog())
    ) {
      this.#erasedAt = undefined;
    }
    return this.#connection.transaction(
      (session) => claimDue(session, this.#queue, options),
      FLEETING,
    );
  }

  extend(
    claimed: readonly ClaimedEvent[],
    { lease, now }: { readonly lease: number; readonly now: number },
  ): Promise<void> {
    return this.#connection.transaction((session) => {
      extendClaims(session, this.#queue, claimed, now + lease);
    }, FLEETING);
  }

  settle(settlements: readonly Settlement[], { now }: { readonly now: number }): Promise<void> {
    const keep = this.#keepDelivered;
    if (settlements.some(({ outcome }) => outcome === 'delivered')) this.#erasedAt ??= now;
    return this.#connection.transaction((session) => {
      settleClaims(session, this.#queue, settlements, { now, keep });
      if (keep > 0) forgetDelivered(session, this.#queue, now);
    }, FLEETING);
  }

  async *deadLetters(filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> {
    let last = 0;
    for (;;) {
      const page = await this.#connection.transaction((session) =>
        findDead(session, this.#queue, filter, last),
      );
      if (page.length === 0) return;
      for (const { id, ...letter } of page) {
        last = id;
        yield letter;
      }
    }
  }

  redrive(filter: DeadLetterFilter, { now }: { readonly now: number }): Promise<number> {
    return this.#connection.transaction((session) =>
      redriveDead(session, this.#queue, filter, now),
    );
  }

  async discard(filter: DeadLetterFilter): Promise<number> {
    const discarded = await this.#connection.transaction((session) =>
      discardDead(session, this.#queue, filter),
    );
    await this.#connection.emptyLog();
    return discarded;
  }

  count(): Promise<OutboxCounts> {
    return this.#connection.transaction((session) => countEvents(session, this.#queue));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Events that come while another transaction runs share the next one. */
  async #enqueueArrivals(): Promise<void> {
    while (this.#arrivals.length > 0) {
      let batch: readonly Arrival[] = [];
      try {
        const verdicts = await this.#connection.transaction((session) => {
          batch = this.#arrivals.slice(0, MAX_BATCH);
          return batch.map(({ event, now }) => enqueueEvent(session, this.#queue, event, now));
        });
        for (const [index, { resolve, reject }] of batch.entries()) {
          if (verdicts[index] === true) resolve();
          else reject(otherBody());
        }
      } catch (error) {
        // It never came to the batch where the database could not be opened, or is locked.
        if (batch.length === 0) batch = this.#arrivals.slice();
        for (const { reject } of batch) reject(error);
      }
      this.#arrivals = this.#arrivals.slice(batch.length);
    }
  }
}

function otherBody(): EventError {
  return new EventError([{ path: '/event_id', message: 'is queued with another body' }]);
}
