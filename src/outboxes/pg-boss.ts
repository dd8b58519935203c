/**
 * The outbox for several machines, on pg-boss.
 *
 * @module @buktor/his-webhook/outboxes/pg-boss
 */

import type { AuditTrail } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { appendAudit } from '../postgres/audit.ts';
import { ConfigurationError, EventError, StorageError } from '../errors.ts';
import type {
  ClaimedEvent,
  DeadLetter,
  DeadLetterFilter,
  Outbox,
  OutboxCounts,
  QueuedEvent,
  Settlement,
} from '../sender/outbox.ts';
import type {
  PgBossDb,
  PgBossJob,
  PgBossJobSettings,
  PgBossLike,
  PgBossQueue,
  PgBossQueueSettings,
  PgBossResult,
  PgBossTransaction,
  PgTransactionClient,
} from './pg-boss/boss.ts';
import { Batches } from './pg-boss/batches.ts';
import { discardDead, findDead, gatherDead, type PageEnd, redriveDead } from './pg-boss/dead.ts';
import { claimDue, countEvents, enqueueEvents, rowsOf } from './pg-boss/jobs.ts';
import { extendClaims, settleClaims } from './pg-boss/settle.ts';
import { FOREVER, type Place, prepareQueues } from './pg-boss/queues.ts';
import { dbOf, guarded, inTime, inTransaction, isQueueGone } from './pg-boss/storage.ts';

export type {
  PgBossDb,
  PgBossJob,
  PgBossJobSettings,
  PgBossLike,
  PgBossQueue,
  PgBossQueueSettings,
  PgBossResult,
  PgBossTransaction,
  PgTransactionClient,
};

/** Options of {@link pgBossOutbox}. */
export interface PgBossOutboxOptions {
  /**
   * A `PgBoss` of pg-boss 12.33 or later, started. It stays yours to stop. It should have
   * `connectionTimeoutMillis` and, for its pool of `pg`, `query_timeout`: without them, a connection that
   * is never answered holds its place in the pool.
   */
  readonly boss: PgBossLike;
  /**
   * The schema that the boss was made with.
   * @default 'pgboss'
   */
  readonly schema?: string;
  /**
   * The name of the queue; dead letters are in the one of this name with `-dead` after it. Both are made
   * on first use, and are the outbox's own.
   * @default 'his-webhook'
   */
  readonly queue?: string;
  /**
   * How long the id of an event that was delivered is kept, without its payload, in milliseconds. Until
   * then it is not queued a second time. All who use the queue are to say the same.
   * @default 0
   */
  readonly keepDelivered?: number;
}

/**
 * The outbox for several machines: two queues of pg-boss, on PostgreSQL. A HIS queues events on one
 * machine, and any number of senders on others deliver them, each event under one claim at a time.
 *
 * With `transaction`, a client of `pg` or a `db` of pg-boss with a transaction open, an event is queued
 * by the caller's own transaction: it is sent if that commits, and never was if it is rolled back.
 *
 * pg-boss never deletes an event that is queued, nor a dead letter: jobs are kept for as long as its
 * columns can say (68 years), and their retries are not limited. When and how often an event is tried is
 * the sender's to decide. The payload of one that was delivered is erased at once.
 *
 * @example
 * ```ts
 * import { pgBossOutbox } from '@buktor/his-webhook/outboxes/pg-boss';
 * import { createSender } from '@buktor/his-webhook/sender';
 * import { Pool } from 'pg';
 * import { PgBoss } from 'pg-boss';
 *
 * const connectionString = 'postgres://his@db.example/his';
 * const pool = new Pool({ connectionString });
 * const timeouts = { connectionTimeoutMillis: 5_000, query_timeout: 10_000 };
 * const boss = new PgBoss({ connectionString, ...timeouts });
 * boss.on('error', console.error);
 * await boss.start();
 * const outbox = pgBossOutbox({ boss });
 * const sender = createSender({ url: 'https://api.buktor.com/his/receive', token, secret, outbox });
 *
 * const client = await pool.connect();
 * await client.query('BEGIN');
 * await client.query("INSERT INTO appointment (id, status) VALUES ('A123', 'confirmed')");
 * await sender.enqueue(event, { transaction: client });
 * await client.query('COMMIT');
 * client.release();
 * ```
 *
 * @throws ConfigurationError for a bad option. A `schema` that is not the boss's, and a queue of another
 *   policy, are found on first use.
 */
export function pgBossOutbox(options: PgBossOutboxOptions): Outbox<PgTransactionClient | PgBossDb> {
  return new PgBossOutbox(options);
}

const OPTIONS = ['boss', 'schema', 'queue', 'keepDelivered'];
const METHODS = ['getDb', 'getQueue', 'createQueue', 'updateQueue', 'insert', 'fetch'] as const;

/** The options as a caller without types may give them. */
interface Loose {
  readonly boss: Partial<PgBossLike>;
  readonly schema: unknown;
  readonly queue: unknown;
}

class PgBossOutbox implements Outbox<PgTransactionClient | PgBossDb> {
  readonly audit: AuditTrail = {
    append: (entry) =>
      this.#transaction((db) =>
        appendAudit(
          (text, values) => rowsOf(db, text, values),
          'auto',
          entry,
          `${this.#place.schema}.`,
        ),
      ),
  };
  readonly #boss: PgBossLike;
  readonly #place: Place;
  /** In seconds. */
  readonly #keep: number;
  #prepared: Promise<void> | undefined;
  readonly #batches = new Batches((batch) =>
    this.#transaction((db) => enqueueEvents(this.#boss, db, this.#place, batch)),
  );
  #isClosed = false;
  readonly #inWork = new Set<Promise<unknown>>();

  constructor(options: PgBossOutboxOptions) {
    checkMembers('pgBossOutbox', options, OPTIONS);
    const { boss = {}, schema = 'pgboss', queue = 'his-webhook' } = options as Partial<Loose>;
    if (!METHODS.every((method) => typeof boss[method] === 'function')) {
      throw new ConfigurationError('pgBossOutbox needs a boss: a PgBoss of pg-boss 12.');
    }
    // The names become part of statements: by pg-boss's rules, nothing can end them early.
    if (typeof schema !== 'string' || !/^([A-Za-z_]\w*|"[^"'%$.\\\p{Cc}]+")$/u.test(schema)) {
      throw new ConfigurationError('schema must be a name, as the boss was given it.');
    }
    if (typeof queue !== 'string' || !/^[\w.\-/]+$/.test(queue)) {
      throw new ConfigurationError(
        'queue must be of letters, digits, underscores, hyphens, periods and slashes.',
      );
    }
    const { keepDelivered = 0 } = options;
    if (!(keepDelivered >= 0 && keepDelivered <= FOREVER * 1_000)) {
      throw new ConfigurationError('keepDelivered must be 0 or more, and 68 years at most.');
    }
    this.#boss = options.boss;
    if (typeof this.#boss.getDb().beginTransaction !== 'function') {
      throw new ConfigurationError(
        'The db of the boss must have beginTransaction: what belongs together is settled together.',
      );
    }
    this.#place = { schema, queue, dead: `${queue}-dead` };
    this.#keep = Math.ceil(keepDelivered / 1_000);
  }

  async enqueue(
    event: QueuedEvent,
    options: {
      readonly now: number;
      readonly transaction?: PgTransactionClient | PgBossDb | undefined;
    },
  ): Promise<void> {
    const { now, transaction } = options;
    let isQueued;
    if (transaction === undefined) {
      isQueued = await this.#batches.add(event, now);
    } else {
      const db = dbOf(transaction);
      const enqueue = (): Promise<readonly boolean[]> =>
        guarded(() => enqueueEvents(this.#boss, db, this.#place, [{ event, now }]));
      [isQueued] = await this.#run(enqueue);
    }
    if (isQueued !== true) {
      throw new EventError([{ path: '/event_id', message: 'is queued with another body' }]);
    }
  }

  claim(options: {
    readonly limit: number;
    readonly lease: number;
    readonly now: number;
  }): Promise<readonly ClaimedEvent[]> {
    const { limit } = options;
    const heartbeat = Math.ceil(options.lease / 1_000);
    return this.#transaction((db) => claimDue(this.#boss, db, this.#place, { limit, heartbeat }));
  }

  extend(
    claimed: readonly ClaimedEvent[],
    { lease }: { readonly lease: number; readonly now: number },
  ): Promise<void> {
    const heartbeat = Math.ceil(lease / 1_000);
    return this.#transaction((db) => extendClaims(db, this.#place, claimed, heartbeat));
  }

  settle(settlements: readonly Settlement[], { now }: { readonly now: number }): Promise<void> {
    const keep = this.#keep;
    return this.#transaction((db) => settleClaims(db, this.#place, settlements, { now, keep }));
  }

  async *deadLetters(filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> {
    let end: PageEnd | undefined;
    for (;;) {
      const find = (db: PgBossDb): ReturnType<typeof findDead> =>
        findDead(db, this.#place, filter, end);
      const page = await (end === undefined ? this.#withAllDead(find) : this.#transaction(find));
      if (page.length === 0) return;
      for (const found of page) {
        end = found.end;
        yield found.letter;
      }
    }
  }

  redrive(filter: DeadLetterFilter): Promise<number> {
    return this.#withAllDead((db) => redriveDead(db, this.#place, filter));
  }

  discard(filter: DeadLetterFilter): Promise<number> {
    return this.#withAllDead((db) => discardDead(db, this.#place, filter));
  }

  count(): Promise<OutboxCounts> {
    return this.#withAllDead((db) => countEvents(db, this.#place));
  }

  /** Waits for the work that goes on. The boss is the host's to stop. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#inWork);
  }

  #transaction<T>(work: (db: PgBossDb) => Promise<T>): Promise<T> {
    return this.#run(() => inTransaction(this.#boss, work));
  }

  /** After what pg-boss itself gave up is among the dead letters. */
  #withAllDead<T>(work: (db: PgBossDb) => Promise<T>): Promise<T> {
    return this.#transaction(async (db) => {
      await gatherDead(db, this.#place);
      return work(db);
    });
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StorageError('The outbox is closed.');
    const running = this.#prepare().then(work);
    this.#inWork.add(running);
    try {
      return await running;
    } catch (error) {
      // They are made anew by the next call.
      if (isQueueGone(error)) this.#prepared = undefined;
      throw error;
    } finally {
      this.#inWork.delete(running);
    }
  }

  #prepare(): Promise<void> {
    return (this.#prepared ??= inTime(() => prepareQueues(this.#boss, this.#place)).catch(
      (error: unknown) => {
        this.#prepared = undefined;
        throw error;
      },
    ));
  }
}
