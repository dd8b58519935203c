/** Rows of a statement, as pg-boss and `pg` give them. */
export interface PgBossResult {
  readonly rows: unknown[];
}

/** A connection of pg-boss's, or what one of its adapters makes of another library's. */
export interface PgBossDb {
  executeSql(text: string, values?: unknown[]): Promise<PgBossResult>;
}

/** A transaction that pg-boss has open. */
export interface PgBossTransaction {
  readonly db: PgBossDb;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** A connection of `pg` with a transaction open: a `Client`, or one of a `Pool`. */
export interface PgTransactionClient {
  query(text: string, values?: unknown[]): Promise<PgBossResult>;
}

/** What is used of a queue's settings. */
export interface PgBossQueue {
  readonly policy?: string | undefined;
  readonly createdOn: Date;
  readonly retryLimit?: number | undefined;
  readonly retryBackoff?: boolean | undefined;
  readonly retryDelayMax?: number | null | undefined;
  readonly retentionSeconds?: number | undefined;
  readonly deleteAfterSeconds?: number | undefined;
  readonly expireInSeconds?: number | undefined;
  readonly heartbeatSeconds?: number | null | undefined;
  readonly deadLetter?: string | null | undefined;
}

/** Settings that a queue and its jobs are given. */
export interface PgBossJobSettings {
  retryLimit: number;
  retryBackoff: boolean;
  retryDelayMax: number;
  retentionSeconds: number;
  deleteAfterSeconds: number;
  expireInSeconds: number;
}

/** Settings that a queue is given. */
export interface PgBossQueueSettings extends PgBossJobSettings {
  heartbeatSeconds: number;
}

/** What is used of a job that was fetched. */
export interface PgBossJob {
  readonly id: string;
  readonly data: unknown;
  readonly retryCount: number;
  readonly createdOn: Date;
  readonly heartbeatSeconds: number | null;
}

/** A started `PgBoss` of pg-boss 12, described by what is used of it. */
export interface PgBossLike {
  /** One that cannot `beginTransaction` is refused. */
  getDb(): PgBossDb & { beginTransaction?(): Promise<PgBossTransaction> };
  getQueue(name: string): Promise<PgBossQueue | null>;
  createQueue(name: string, options: PgBossQueueSettings): Promise<void>;
  updateQueue(name: string, options: PgBossQueueSettings & { deadLetter: null }): Promise<void>;
  insert(
    name: string,
    jobs: ({ id: string; data: object } & PgBossJobSettings)[],
    options: { db: PgBossDb; returnId: boolean },
  ): Promise<string[] | null>;
  fetch(
    name: string,
    options: { batchSize: number; includeMetadata: true; db: PgBossDb },
  ): Promise<readonly PgBossJob[]>;
}
