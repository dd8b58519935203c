import type { Plan } from './plan.ts';
import type { Group } from './row.ts';

/** A function against another one, in one process. */
export interface Contest<T> {
  readonly group: Group;
  readonly name: string;
  /** Ours may take at most this many times the baseline's time; none where it is only shown. */
  readonly bar?: number;
  /** Handed over in turns, so that no result can be taken for the next. */
  readonly inputs: readonly T[];
  readonly ours: (input: T) => unknown;
  readonly baseline: (input: T) => unknown;
  readonly note?: string;
}

/** Rounds of a row, and milliseconds that one side takes in each. */
const ROUNDS = 61;
const SLICE = 10;

let sink: unknown;

/**
 * Measures both sides in turns, so that what else the machine does falls on both; a side that gives
 * promises is awaited.
 */
export async function compare<T>(contest: Contest<T>, plan: Plan): Promise<void> {
  const { group, name, bar, inputs, note } = contest;
  for (const side of ['ours', 'baseline'] as const) {
    await time(contest[side], inputs, plan.volume(250, 1));
  }
  const rounds = plan.rounds(ROUNDS);
  const times: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  for (let round = 0; round < rounds; round++) {
    const sides =
      round % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const);
    for (const side of sides) {
      times[side].push(await time(contest[side], inputs, plan.volume(SLICE, 1)));
    }
    plan.progress(name, round + 1, rounds);
  }
  plan.tell({
    group,
    name,
    unit: 'µs',
    ...times,
    direction: 'at most',
    ...(bar === undefined ? {} : { bar }),
    ...(note === undefined ? {} : { note }),
  });
}

/**
 * Runs the work on all inputs until it has taken about so long; gives microseconds of processor time a
 * call, garbage collection included. Time that the system gave to others meanwhile does not count.
 */
async function time<T>(
  work: (input: T) => unknown,
  inputs: readonly T[],
  milliseconds: number,
): Promise<number> {
  const isAsync = work(inputs[0]!) instanceof Promise;
  const start = process.cpuUsage();
  let calls = 0;
  let elapsed = 0;
  do {
    if (isAsync) for (const input of inputs) sink = await work(input);
    else for (const input of inputs) sink = work(input);
    calls += inputs.length;
    const { user, system } = process.cpuUsage(start);
    elapsed = user + system;
  } while (elapsed < milliseconds * 1_000);
  if (sink === undefined) throw new Error('the work gave nothing');
  return elapsed / calls;
}
