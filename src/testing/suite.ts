/** One rule of a suite, for any test runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Rejects where the store is wrong. */
  readonly run: () => Promise<void>;
}

/** A row as a test reads it out of the database, column by column. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** What every harness may have. */
export interface Closable {
  /** Called when the case is over, however it ended. */
  readonly close?: () => Promise<void>;
}

/** A rule before it is known what it is to be run on. */
export interface Rule<Target> {
  readonly name: string;
  readonly run: (target: Target) => Promise<void>;
}

/** Makes the cases of a suite; each opens harnesses of its own, and closes them. */
export function casesOf<Target, Harness extends Closable, Args extends unknown[]>(
  rules: readonly Rule<Target>[],
  open: (...args: Args) => Promise<Harness>,
  targetOf: (open: (...args: Args) => Promise<Harness>) => Promise<Target>,
): readonly ConformanceCase[] {
  return rules.map(({ name, run }) => ({
    name,
    async run() {
      const harnesses: Harness[] = [];
      const opened = async (...args: Args): Promise<Harness> => {
        const harness = await open(...args);
        harnesses.push(harness);
        return harness;
      };
      try {
        await run(await targetOf(opened));
      } finally {
        for (const harness of harnesses) await harness.close?.();
      }
    },
  }));
}
