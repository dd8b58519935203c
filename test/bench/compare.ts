/** One line of the benchmark: ours against a baseline, in one process. */
export interface Row {
  readonly group: string;
  readonly name: string;
  /** Ours may take at most this many times the baseline's time; none where it is only shown. */
  readonly bar?: number;
  readonly ours: () => unknown;
  readonly baseline: () => unknown;
}

/** What a row came to: the ratio of the times, by round. */
export interface Result {
  readonly group: string;
  readonly name: string;
  readonly bar?: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Of ours, in nanoseconds, to give the ratio a scale. */
  readonly nanoseconds: number;
}

let sink: unknown;

/** Runs a function until it has taken about this long, and gives nanoseconds a call. */
function time(work: () => unknown, milliseconds: number): number {
  const end = BigInt(Math.round(milliseconds * 1e6));
  const start = process.hrtime.bigint();
  let calls = 0;
  let elapsed = 0n;
  do {
    for (let i = 0; i < 50; i++) sink = work();
    calls += 50;
    elapsed = process.hrtime.bigint() - start;
  } while (elapsed < end);
  return Number(elapsed) / calls;
}

/**
 * Measures both sides in turns, so that what else the machine does falls on both, and takes the
 * median of the rounds' ratios.
 */
export function compare({ group, name, bar, ours, baseline }: Row, rounds: number): Result {
  for (const work of [ours, baseline]) time(work, 60);
  const ratios: number[] = [];
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const isOursFirst = round % 2 === 0;
    const first = time(isOursFirst ? ours : baseline, 8);
    const second = time(isOursFirst ? baseline : ours, 8);
    const [mine, theirs] = isOursFirst ? [first, second] : [second, first];
    ratios.push(mine / theirs);
    times.push(mine);
  }
  if (sink === undefined) throw new Error('the work gave nothing');
  ratios.sort((a, b) => a - b);
  times.sort((a, b) => a - b);
  const at = (list: readonly number[], share: number) =>
    list[Math.floor((list.length - 1) * share)]!;
  return {
    group,
    name,
    ...(bar === undefined ? {} : { bar }),
    median: at(ratios, 0.5),
    low: at(ratios, 0.1),
    high: at(ratios, 0.9),
    nanoseconds: at(times, 0.5),
  };
}
