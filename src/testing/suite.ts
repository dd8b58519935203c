/** One rule of a suite, for any test runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Rejects where the store is wrong. */
  readonly run: () => Promise<void>;
}

/** A row as a test reads it out of the database, column by column. */
export type StoredRow = Readonly<Record<string, unknown>>;
