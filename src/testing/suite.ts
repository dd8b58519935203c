/** One rule of a suite, for any test runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Rejects where the store is wrong. */
  readonly run: () => Promise<void>;
}

/** A row as a test reads it out of the database, column by column. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** A rule before it is known what it is to be run on. */
export interface Rule<Target> {
  readonly name: string;
  readonly run: (target: Target) => Promise<void>;
}

/** Makes the cases of a suite; each opens a target of its own. */
export function casesOf<Target>(
  rules: readonly Rule<Target>[],
  open: () => Promise<Target>,
): readonly ConformanceCase[] {
  return rules.map(({ name, run }) => ({ name, run: async () => run(await open()) }));
}
