import { whole } from './progress.ts';

/** What can become of an event, in the order of the table. */
const OUTCOMES = {
  delivered: 'delivered',
  replayed: 'replayed: the receiver had it',
  earlier: 'delivered before',
  rejected: 'rejected',
  expired: 'given up',
  refused: 'refused, as any event would be',
  invalid: 'invalid, not sent',
  queued: 'waiting in the outbox',
  unsent: 'not sent',
} as const;

export type Outcome = keyof typeof OUTCOMES;

const GOOD: ReadonlySet<Outcome> = new Set<Outcome>(['delivered', 'replayed', 'earlier']);

/** So many lines are named; the events of a fault are mostly alike. */
const MOST_LINES = 10;

interface Row {
  readonly outcome: Outcome;
  readonly answer: string;
  count: number;
  readonly lines: number[];
}

/** Counts what becomes of events. */
export class Tally {
  readonly #rows = new Map<string, Row>();

  /**
   * @param answer - What tells it from others of the outcome.
   * @param line - Where the event stands, if that is worth to be known.
   */
  add(outcome: Outcome, answer = '', line?: number, count = 1): void {
    if (count === 0) return;
    const key = `${outcome} ${answer}`;
    const row = this.#rows.get(key) ?? { outcome, answer, count: 0, lines: [] };
    this.#rows.set(key, row);
    row.count += count;
    if (line !== undefined && row.lines.length <= MOST_LINES) row.lines.push(line);
  }

  /** How many had one of these outcomes; all of them where none is named. */
  count(...outcomes: readonly Outcome[]): number {
    let sum = 0;
    for (const { outcome, count } of this.#rows.values()) {
      if (outcomes.length === 0 || outcomes.includes(outcome)) sum += count;
    }
    return sum;
  }

  /** How many are not with the receiver. */
  get failed(): number {
    let sum = 0;
    for (const { outcome, count } of this.#rows.values()) if (!GOOD.has(outcome)) sum += count;
    return sum;
  }

  /** The table by outcome. */
  table(): string {
    const order = Object.keys(OUTCOMES);
    const rows = [...this.#rows.values()]
      .sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome) || b.count - a.count)
      .map(({ outcome, answer, count, lines }) => [
        answer === '' ? OUTCOMES[outcome] : `${OUTCOMES[outcome]}: ${answer}`,
        whole(count),
        lines
          .slice(0, MOST_LINES)
          .sort((a, b) => a - b)
          .join(', ') + (lines.length > MOST_LINES ? ', …' : ''),
      ]);
    const all = [
      ['outcome', 'events', rows.some(([, , lines]) => lines !== '') ? 'lines' : ''],
      ...rows,
      ['total', whole(this.count()), ''],
    ] as [string, string, string][];
    const width = Math.max(...all.map(([name]) => name.length));
    const digits = Math.max(...all.map(([, count]) => count.length));
    return all
      .map(([name, count, lines]) =>
        `${name.padEnd(width)}  ${count.padStart(digits)}  ${lines}`.trimEnd(),
      )
      .map((line) => `${line}\n`)
      .join('');
  }
}

/** `503 storage_unavailable`, `ECONNREFUSED`: an answer, or why there was none. */
export function nameAnswer(status: number | null, code: string | null): string {
  return [status, code].filter((part) => part !== null).join(' ') || 'no answer';
}
