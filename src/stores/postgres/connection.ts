import { ConfigurationError, HisWebhookError, StorageError } from '../../errors.ts';
import { withoutValues } from '../../without-values.ts';
import {
  DURABILITY,
  isRefusal,
  isStatementLost,
  isTransient,
  type PgliteDatabase,
  type PostgresClient,
  type PostgresPool,
  type PostgresResult,
  type Session,
  type SqlValue,
  type TextRow,
} from './driver.ts';

/** Pools and connections whose errors have a listener of ours. */
const listened = new WeakSet<PostgresPool | PostgresClient>();

function listen(client: PostgresClient): void {
  if (listened.has(client)) return;
  listened.add(client);
  client.on('error', () => undefined);
}

/** What the host hears of an error: nothing of the rows it is about. */
export function postgresFailed(error: unknown): StorageError {
  return new StorageError('PostgreSQL failed.', { cause: withoutValues(error) });
}

/** How often a transaction is run again after a deadlock. */
const ATTEMPTS = 5;

/**
 * The way to the database, under a deadline.
 *
 * Whatever the server, the network or a proxy does, a piece of work ends when its time is over: its
 * connection is closed, because the answer to an old question may still come, and so is every
 * connection that is older than that, because what cut one off has cut off the others.
 */
export class PostgresConnection {
  readonly #target: PostgresPool | PgliteDatabase;
  readonly #timeout: number;
  /** When a connection was first seen here, by {@link performance.now}. */
  readonly #firstSeen = new WeakMap<PostgresClient, number>();
  #lastTimeout = -1;
  /** Nothing was answered since a deadline passed. */
  #isSlow = false;
  #isClosed = false;
  readonly #inWork = new Set<Promise<unknown>>();
  readonly #names = new StatementNames();

  /** @param timeout - Milliseconds for one piece of work, the wait for a connection included. */
  constructor(target: PostgresPool | PgliteDatabase, timeout: number) {
    this.#target = target;
    this.#timeout = timeout;
    if (!isPool(target)) return;
    if (target.options !== undefined && !((target.options.connectionTimeoutMillis ?? 0) > 0)) {
      throw new ConfigurationError(
        'The pool needs connectionTimeoutMillis, such as 5_000: without it, a connection that is ' +
          'never answered holds its place in the pool for ever.',
      );
    }
    if (listened.has(target)) return;
    listened.add(target);
    // pg throws what befalls a connection into the process where nobody listens, be it idle, new or
    // checked out. What befalls a query is heard from the query.
    target.on('error', () => undefined);
    target.on('connect', listen);
  }

  /** Runs one statement in a transaction of its own. */
  query(
    text: string,
    values: readonly SqlValue[],
    name?: string,
    signal?: AbortSignal,
  ): Promise<readonly TextRow[]> {
    // What waits for a table as a whole, which a migration of the host's may hold, waits before any
    // setting of its own counts; on the server it would do so for ever, one connection a deadline.
    if (this.#isSlow) {
      return this.transaction((session) => session.query(text, values, name), signal);
    }
    return this.#run((session) => session.query(text, values, name), signal);
  }

  /** Runs work in one transaction: all of it is durable, or nothing was written. */
  transaction<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const target = this.#target;
    const limited = async (session: Session): Promise<T> => {
      // A connection that is cut off here must not keep its locks until the server notices.
      await session.query(
        `SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true),
                set_config('idle_in_transaction_session_timeout', $1, true), ${DURABILITY}`,
        [this.lockTimeout],
      );
      return work(session);
    };
    return this.#run(async (session) => {
      if (!isPool(target)) {
        return target.transaction((transaction) => limited(sessionOf(transaction)));
      }
      await session.query('BEGIN ISOLATION LEVEL READ COMMITTED', []);
      try {
        const result = await limited(session);
        await session.query('COMMIT', []);
        return result;
      } catch (error) {
        await session.query('ROLLBACK', []).catch(() => undefined);
        throw error;
      }
    }, signal);
  }

  /** How long a statement may wait for a lock, as a setting of the server's. */
  get lockTimeout(): string {
    return `${String(this.#timeout)}ms`;
  }

  /** Waits for the work that goes on. The pool is the host's to end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#inWork);
  }

  async #run<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#isClosed) throw new StorageError('The store is closed.');
    const running = this.#attempts(work, signal);
    this.#inWork.add(running);
    try {
      return await running;
    } finally {
      this.#inWork.delete(running);
    }
  }

  async #attempts<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const deadline = new Deadline(this.#timeout, signal);
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#attempt(work, deadline);
        } catch (error) {
          if (isRefusal(error) || error instanceof HisWebhookError) throw error;
          if (!isTransient(error) || attempt === ATTEMPTS) {
            throw postgresFailed(error);
          }
        }
      }
    } finally {
      deadline.end();
    }
  }

  async #attempt<T>(work: (session: Session) => Promise<T>, deadline: Deadline): Promise<T> {
    const target = this.#target;
    if (!isPool(target)) return deadline.race(work(sessionOf(target)));
    const client = await this.#checkOut(target, deadline);
    try {
      const result = await deadline.race(work(this.#names.session(client)));
      client.release();
      this.#isSlow = false;
      return result;
    } catch (error) {
      if (deadline.hasPassed) {
        this.#lastTimeout = performance.now();
        this.#isSlow = true;
      }
      // After a refusal the connection is as good as before; after anything else nobody knows.
      client.release(isRefusal(error) || isTransient(error) ? undefined : true);
      throw error;
    }
  }

  async #checkOut(pool: PostgresPool, deadline: Deadline): Promise<PostgresClient> {
    for (;;) {
      const connecting = pool.connect();
      let client: PostgresClient;
      try {
        client = await deadline.race(connecting);
      } catch (error) {
        // It may come yet, and belongs to the pool then.
        connecting.then(
          (late) => {
            late.release();
          },
          () => undefined,
        );
        throw error;
      }
      let firstSeen = this.#firstSeen.get(client);
      if (firstSeen === undefined) {
        firstSeen = performance.now();
        this.#firstSeen.set(client, firstSeen);
        listen(client);
      }
      if (firstSeen >= this.#lastTimeout) return client;
      client.release(true);
    }
  }
}

/** Ends what takes too long, or what nobody waits for any more. */
class Deadline {
  readonly #over: Promise<never>;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  #fail: (message: string) => void = () => undefined;
  hasPassed = false;

  constructor(timeout: number, signal: AbortSignal | undefined) {
    this.#over = new Promise((_, reject) => {
      this.#fail = (message) => {
        this.hasPassed = true;
        reject(new StorageError(message));
      };
    });
    this.#over.catch(() => undefined);
    this.#signal = signal;
    this.#timer = setTimeout(() => {
      this.#fail(`PostgreSQL did not answer within ${String(timeout)} ms.`);
    }, timeout);
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort);
  }

  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#over]);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.#fail('The deadline passed.');
  };
}

function isPool(target: PostgresPool | PgliteDatabase): target is PostgresPool {
  return 'connect' in target && typeof target.connect === 'function';
}

interface Queryable {
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
}

function sessionOf(connection: Queryable): Session {
  return {
    query: async (text, values) =>
      (await connection.query(text, [...values])).rows as readonly TextRow[],
  };
}

/** Statements a connection keeps planned; pg forgets none of them. */
const NAMED_STATEMENTS = 100;

/**
 * Names of statements for the connections of a pool. A PgBouncer that hands every transaction to
 * another connection may not know them (before 1.21): then they are not used any more.
 */
class StatementNames {
  readonly #names = new Set<string>();
  #isUsed = true;

  session(client: PostgresClient): Session {
    const run = async (
      text: string,
      values: readonly SqlValue[],
      name?: string,
    ): Promise<readonly TextRow[]> => {
      const query = { text, values: [...values], ...(name === undefined ? {} : { name }) };
      return (await client.query(query)).rows as readonly TextRow[];
    };
    return {
      query: async (text, values, name) => {
        if (name === undefined || !this.#admits(name)) return run(text, values);
        try {
          return await run(text, values, name);
        } catch (error) {
          if (isStatementLost(error)) this.#isUsed = false;
          throw error;
        }
      },
    };
  }

  #admits(name: string): boolean {
    if (!this.#isUsed) return false;
    if (this.#names.size < NAMED_STATEMENTS) this.#names.add(name);
    return this.#names.has(name);
  }
}
