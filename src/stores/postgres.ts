/**
 * The store for many receivers, on PostgreSQL.
 *
 * @module @buktor/his-webhook/stores/postgres
 */

import type { AuditTrail } from '../audit.ts';
import { checkMembers } from '../configuration.ts';
import { ConfigurationError } from '../errors.ts';
import type { TableSpec } from '../mapping/tables.ts';
import { appendAudit } from '../postgres/audit.ts';
import { quarantineQuota } from './inbox.ts';
import type { TableInfo } from './postgres/catalog.ts';
import { commitCarefully, commitSimple, toSimpleWave } from './postgres/commit.ts';
import { PostgresConnection, postgresFailed } from './postgres/connection.ts';
import {
  isRefusal,
  isSchemaGone,
  type PgliteDatabase,
  type PostgresClient,
  type PostgresPool,
  type PostgresResult,
  type Session,
} from './postgres/driver.ts';
import {
  eraseBodies,
  findPage,
  forgetKeys,
  quarantine,
  recordProcessed,
} from './postgres/inbox.ts';
import { migrations, prepareSchema, type SchemaMode } from './postgres/schema.ts';
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

export { migrations };
export type { PgliteDatabase, PostgresClient, PostgresPool, PostgresResult, SchemaMode };

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions extends StoreOptions {
  /** A `Pool` of `pg` (with `connectionTimeoutMillis`), or a `PGlite`. It stays yours to end. */
  readonly pool: PostgresPool | PgliteDatabase;
  /**
   * `managed` only checks the tables, and names everything that is missing; `auto` creates missing
   * tables and adds missing nullable columns, of type `text`, and nothing else.
   * @default 'managed'
   */
  readonly schema?: SchemaMode;
  /**
   * How long one piece of work may take, the wait for a connection and for locks included, in
   * milliseconds.
   * @default 5_000
   */
  readonly timeout?: number;
}

/**
 * The store for many receivers: PostgreSQL 12 and later, through a pool of `pg`, behind PgBouncer in
 * any mode too, or a PGlite.
 *
 * A batch of events is claimed and its rows merged by one statement, in one round trip; only
 * duplicates that are in work elsewhere, replays and refused rows take more. Tables are looked up in
 * the connection's `search_path`.
 *
 * @example
 * ```ts
 * import { postgresStore } from '@buktor/his-webhook/stores/postgres';
 * import { Pool } from 'pg';
 *
 * const connectionString = 'postgres://buktor@db.example/buktor';
 * const pool = new Pool({ connectionString, connectionTimeoutMillis: 5_000 });
 * const store = postgresStore({ pool });
 * ```
 *
 * @throws ConfigurationError for a bad option.
 */
export function postgresStore(options: PostgresStoreOptions): EventStore & InboxStore {
  return new PostgresStore(options);
}

const OPTIONS = ['pool', 'schema', 'timeout', 'quarantineQuota'];

/** The options as a caller without types may give them. */
interface Loose {
  readonly pool: Partial<PostgresPool> & Partial<PgliteDatabase>;
  readonly schema: unknown;
}

class PostgresStore implements EventStore, InboxStore {
  readonly audit: AuditTrail = {
    append: (entry) =>
      this.#transaction((session) =>
        appendAudit((text, values) => session.query(text, values), this.#mode, entry),
      ),
  };
  /** While one commit waits for the disk, the next is read. */
  readonly concurrency: number;
  readonly #quota: number;
  readonly #mode: SchemaMode;
  readonly #connection: PostgresConnection;
  readonly #specs = new Map<string, TableSpec>();
  #preparing: Promise<void> = Promise.resolve();
  #tables: Promise<ReadonlyMap<string, TableInfo>> | undefined;
  /** Most of the last batch were duplicates, as when a sender goes through its backlog again. */
  #expectsDuplicates = false;

  constructor(options: PostgresStoreOptions) {
    checkMembers('postgresStore', options, OPTIONS);
    const { pool = {}, schema = 'managed' } = options as Partial<Loose>;
    if (typeof pool.connect !== 'function' && typeof pool.transaction !== 'function') {
      throw new ConfigurationError('postgresStore needs a pool: a Pool of pg, or a PGlite.');
    }
    if (schema !== 'auto' && schema !== 'managed') {
      throw new ConfigurationError("schema must be 'managed' or 'auto'.");
    }
    const timeout = options.timeout ?? 5_000;
    if (!Number.isSafeInteger(timeout) || timeout < 1 || timeout > 2 ** 31 - 1) {
      throw new ConfigurationError('timeout must be a whole number, 1 or more.');
    }
    this.concurrency = typeof pool.connect === 'function' ? 2 : 1;
    this.#quota = quarantineQuota(options.quarantineQuota);
    this.#mode = schema;
    this.#connection = new PostgresConnection(options.pool, timeout);
  }

  prepare(tables: readonly TableSpec[]): Promise<void> {
    // One after another: each adds to what stands when it begins.
    const prepared = this.#preparing.then(() => this.#prepare(tables));
    this.#preparing = prepared.catch(() => undefined);
    return prepared;
  }

  async #prepare(tables: readonly TableSpec[]): Promise<void> {
    const wanted = new Map(this.#specs);
    for (const spec of tables) {
      const known = wanted.get(spec.table);
      const columns = [...new Set([...(known?.columns ?? []), ...spec.columns])];
      wanted.set(spec.table, { ...spec, columns, types: { ...known?.types, ...spec.types } });
    }
    const prepared = this.#readTables(wanted);
    await prepared;
    for (const [name, spec] of wanted) this.#specs.set(name, spec);
    this.#tables = prepared;
  }

  async commit(
    batch: readonly Change[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly Verdict[]> {
    if (batch.length === 0) return [];
    const verdicts = await guarded(() => this.#commit(batch, options));
    const duplicates = verdicts.filter((verdict) => verdict === 'duplicate').length;
    this.#expectsDuplicates = duplicates * 2 > batch.length;
    return verdicts;
  }

  async #commit(
    batch: readonly Change[],
    { signal }: { readonly signal?: AbortSignal },
  ): Promise<readonly Verdict[]> {
    this.#tables ??= this.#readTables(this.#specs);
    try {
      const context = {
        tables: await this.#tables,
        lockTimeout: this.#connection.lockTimeout,
        expectsDuplicates: this.#expectsDuplicates,
      };
      const wave = toSimpleWave(batch);
      if (wave !== undefined) {
        const session: Session = {
          query: (text, values, name) => this.#connection.query(text, values, name, signal),
        };
        try {
          return await commitSimple(session, wave, context);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          // One row was refused and nothing was written: find it, and commit its neighbours.
        }
      }
      return await this.#connection.transaction(
        (session) => commitCarefully(session, batch, context),
        signal,
      );
    } catch (error) {
      // Tables that were made anew may have other types.
      if (isSchemaGone((error as Error).cause)) this.#tables = undefined;
      throw error;
    }
  }

  quarantine(event: RefusedEvent): Promise<QuarantineVerdict> {
    return this.#transaction((session) => quarantine(session, event, this.#quota));
  }

  record(event: Change): Promise<void> {
    return this.#transaction((session) => recordProcessed(session, event));
  }

  async *find(filter: EventFilter): AsyncGenerator<StoredEvent> {
    let last: StoredEvent | undefined;
    do {
      const page = await guarded(() => findPage(this.#connection, filter, last));
      yield* page;
      last = page.at(-1);
    } while (last !== undefined);
  }

  async prune(policy: { readonly bodiesBefore?: Date; readonly keysBefore?: Date }): Promise<{
    readonly bodies: number;
    readonly keys: number;
  }> {
    const { bodiesBefore, keysBefore } = policy;
    const run = (
      work: (session: Session, before: string) => Promise<number>,
      before: Date | undefined,
    ): Promise<number> =>
      before === undefined
        ? Promise.resolve(0)
        : guarded(() => work(this.#connection, before.toISOString()));
    const keys = await run(forgetKeys, keysBefore);
    return { keys, bodies: await run(eraseBodies, bodiesBefore) };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #readTables(specs: ReadonlyMap<string, TableSpec>): Promise<ReadonlyMap<string, TableInfo>> {
    const tables = this.#transaction((session) =>
      prepareSchema(session, [...specs.values()], this.#mode),
    );
    // One that failed is not kept, and is asked for again by the next commit.
    tables.catch(() => {
      if (this.#tables === tables) this.#tables = undefined;
    });
    return tables;
  }

  #transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return guarded(() => this.#connection.transaction(work));
  }
}

/** A refusal that is left, by the inbox itself for instance, is no event's fault. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isRefusal(error) ? postgresFailed(error) : error;
  }
}
