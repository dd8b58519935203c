import { ConfigurationError, HisWebhookError, StorageError } from '../../errors.ts';
import { causedBySqlState, withoutValues } from '../../without-values.ts';
import type { PgBossDb, PgBossLike, PgBossTransaction, PgTransactionClient } from './boss.ts';

/** How long one piece of work may take, in milliseconds. */
const TIMEOUT = 10_000;
/** How often a transaction is run again after a deadlock. */
const ATTEMPTS = 5;

// A connection that is given up here must not keep its locks until the server notices, and what was
// acknowledged must survive a crash, whatever the host has set.
const LIMITS = `SELECT set_config('lock_timeout', '${String(TIMEOUT)}ms', true),
  set_config('statement_timeout', '${String(TIMEOUT)}ms', true),
  set_config('idle_in_transaction_session_timeout', '${String(TIMEOUT)}ms', true),
  CASE current_setting('synchronous_commit') WHEN 'off'
    THEN set_config('synchronous_commit', 'on', true) END`;

/** Runs work in one transaction of the boss's: all of it is durable, or nothing was written. */
export async function inTransaction<T>(
  boss: PgBossLike,
  work: (db: PgBossDb) => Promise<T>,
): Promise<T> {
  return guarded(async () => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await attemptTransaction(boss, work);
      } catch (error) {
        if (!isTransient(error) || attempt === ATTEMPTS) throw error;
      }
    }
  });
}

async function attemptTransaction<T>(
  boss: PgBossLike,
  work: (db: PgBossDb) => Promise<T>,
): Promise<T> {
  const opening = begin(boss);
  const deadline = new Deadline();
  try {
    const transaction = await deadline.race(opening).catch((error: unknown) => {
      // It may come yet, and nobody else would end it.
      opening.then(
        (late) => late.rollback(),
        () => undefined,
      );
      throw error;
    });
    try {
      await deadline.race(transaction.db.executeSql(LIMITS));
      const result = await deadline.race(work(transaction.db));
      await deadline.race(transaction.commit());
      return result;
    } catch (error) {
      // Not awaited: it may wait for a server that does not answer.
      const rolledBack = transaction.rollback().catch(() => undefined);
      if (!deadline.hasPassed) await rolledBack;
      throw error;
    }
  } finally {
    deadline.end();
  }
}

async function begin(boss: PgBossLike): Promise<PgBossTransaction> {
  const transaction = await boss.getDb().beginTransaction?.();
  if (transaction === undefined) throw new Error('The db of the boss has no beginTransaction.');
  return transaction;
}

class Deadline {
  hasPassed = false;
  readonly #passed: Promise<never>;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.#passed = new Promise((_, reject) => {
      this.#timer = setTimeout(() => {
        this.hasPassed = true;
        reject(new StorageError('PostgreSQL did not answer in time.'));
      }, TIMEOUT);
    });
    this.#passed.catch(() => undefined);
  }

  race<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    return Promise.race([work, this.#passed]);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Whether the same transaction may well succeed when it is run again. */
function isTransient(error: unknown): boolean {
  // 23505: an event went from one queue to the other while it was queued anew.
  return ['40001', '40P01', '23505'].includes(causedBySqlState(error) ?? '');
}

/** Runs what pg-boss does on connections of its own; it may go on after the deadline. */
export function inTime<T>(work: () => Promise<T>): Promise<T> {
  return guarded(async () => {
    const deadline = new Deadline();
    try {
      return await deadline.race(work());
    } finally {
      deadline.end();
    }
  });
}

/** Makes a `StorageError` of whatever fails. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HisWebhookError) throw error;
    throw new StorageError('PostgreSQL failed.', { cause: withoutValues(error) });
  }
}

/** Runs statements in a transaction of the caller's. */
export function dbOf(transaction: PgBossDb | PgTransactionClient): PgBossDb {
  const given = transaction as Partial<
    PgBossDb & PgTransactionClient & Readonly<Record<'totalCount' | 'beginTransaction', unknown>>
  > | null;
  // A pool, and the boss's own db, run every statement on a connection of its own.
  const isOne =
    typeof given?.totalCount !== 'number' && typeof given?.beginTransaction !== 'function';
  if (isOne && typeof given?.executeSql === 'function') return given as PgBossDb;
  if (isOne && typeof given?.query === 'function') {
    const client = given as PgTransactionClient;
    return { executeSql: (text, values) => client.query(text, values) };
  }
  throw new ConfigurationError(
    'transaction must be a client of pg, or a db of pg-boss, with a transaction open.',
  );
}

/** Whether an error says that a queue, or pg-boss's tables, are not there. */
export function isQueueGone(error: unknown): boolean {
  const { cause } = error as {
    readonly cause?: { readonly code?: unknown; readonly message: string };
  };
  // pg-boss gives its own error a code in later versions only.
  return (
    cause !== undefined &&
    (/^(23503|3F000|42P01)$/.test(String(cause.code)) ||
      /^Queue .* does not exist$/.test(cause.message))
  );
}
