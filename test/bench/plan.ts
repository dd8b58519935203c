import { showProgress } from '../support/progress.ts';
import { type Measured, type Row, show, toRow } from './row.ts';

/** How much is measured, and where it is told. */
export interface Plan {
  /** Once and briefly, to see that every row still runs; its figures mean nothing. */
  readonly brief: boolean;
  /** Rounds of a row that has usually so many. */
  readonly rounds: (usual: number) => number;
  /** So much in earnest, so little in brief. */
  readonly volume: (usual: number, brief: number) => number;
  /** Keys of the large inbox in `growth`. */
  readonly keys: number | undefined;
  /** Whether a row is asked for, by its name. */
  readonly wants: (name: string) => boolean;
  /** Judges what was measured, prints it and keeps it. */
  readonly tell: (measured: Measured) => void;
  /** A bar on a terminal; nothing elsewhere, where the rows themselves tell. */
  readonly progress: (label: string, done: number, total: number) => void;
}

/** A plan, and the rows it was told. */
export interface Told extends Plan {
  readonly rows: readonly Row[];
}

export function makePlan(options: {
  readonly brief?: boolean | undefined;
  readonly rounds?: number | undefined;
  readonly keys?: number | undefined;
  /** What the names of the rows asked for contain, in any case of letters. */
  readonly only?: string | undefined;
}): Told {
  const { brief = false, rounds, keys, only = '' } = options;
  const rows: Row[] = [];
  return {
    brief,
    rounds: (usual) => (brief ? 1 : (rounds ?? usual)),
    volume: (usual, little) => (brief ? little : usual),
    keys: keys ?? (brief ? 20_000 : undefined),
    wants: (name) => name.toLowerCase().includes(only.toLowerCase()),
    tell(measured) {
      const row = toRow(measured);
      rows.push(row);
      console.log(`${show(row, !brief)}\n`);
    },
    progress(label, done, total) {
      if (process.stdout.isTTY) showProgress(label.slice(0, 60).padEnd(60), done, total);
    },
    rows,
  };
}
