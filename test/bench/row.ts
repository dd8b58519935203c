import { quantile } from './workload.ts';

/** Every group, in the order in which they run. */
export const GROUPS = [
  'signature',
  'pipeline',
  'mapping',
  'http',
  'stores',
  'sender',
  'scale',
  'start',
  'size',
  'backlog',
  'growth',
] as const;
export type Group = (typeof GROUPS)[number];

export const isGroup = (name: string): name is Group => GROUPS.some((group) => group === name);

/** One line of the benchmark: ours against a baseline. */
export interface Row {
  readonly group: Group;
  /** `ours / baseline`: what was measured, and against what. */
  readonly name: string;
  /** The middle of what was measured, in `unit`. */
  readonly ours: number;
  /** `null` where the bar is on the thing itself. */
  readonly baseline: number | null;
  readonly unit: string;
  /** What is judged: `×` is ours over the baseline, the rest are ours in that unit. */
  readonly scale: Scale;
  /** The middle of the rounds, and their 10 % and 90 %. */
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
  readonly direction: Direction;
  /** `null` where the row is only shown. */
  readonly bar: number | null;
  readonly verdict: 'met' | 'missed' | 'shown';
  readonly note: string | null;
}

export type Scale = '×' | 'KB' | 'MiB';
export type Direction = 'at most' | 'at least';

/** What a row is made of: the measurements of each round. */
export interface Measured {
  readonly group: Group;
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  /** Measured in the same rounds. */
  readonly baseline?: readonly number[];
  /** By round; ours over the baseline by default. */
  readonly values?: readonly number[];
  readonly scale?: Scale;
  readonly direction: Direction;
  readonly bar?: number;
  readonly note?: string;
}

/** Takes the middle and the spread of the rounds' ratios, and judges. */
export function toRow(measured: Measured): Row {
  const { group, name, unit, ours, baseline, direction, bar, scale = '×', note } = measured;
  const values = measured.values ?? (baseline ? ours.map((own, i) => own / baseline[i]!) : ours);
  if (values.length === 0 || !values.every((value) => Number.isFinite(value))) {
    throw new Error(`${name}: measured ${String(values)}`);
  }
  const median = quantile(values);
  const isMet = bar !== undefined && (direction === 'at most' ? median <= bar : median >= bar);
  return {
    group,
    name,
    ours: quantile(ours),
    baseline: baseline === undefined ? null : quantile(baseline),
    unit,
    scale,
    median,
    low: quantile(values, 0.1),
    high: quantile(values, 0.9),
    rounds: values.length,
    direction,
    bar: bar ?? null,
    verdict: bar === undefined ? 'shown' : isMet ? 'met' : 'missed',
    note: note ?? null,
  };
}

/** `≤ 1.15 ×` */
export function barOf({ bar, direction, scale }: Row): string | null {
  if (bar === null) return null;
  return `${direction === 'at most' ? '≤' : '≥'} ${numeral(bar)} ${scale}`;
}

/** A number with three digits that count, and thousands apart. */
export function numeral(value: number): string {
  const size = Math.abs(value);
  const digits = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  const text = value.toLocaleString('en-GB', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return text.replace(/\.0+$/, '');
}

/** The row as lines of text; what ran in brief is not judged. */
export function show(row: Row, isJudged: boolean): string {
  const { group, name, median, low, high, scale, ours, baseline, unit, verdict, note } = row;
  const bar = barOf(row);
  const spread = `${numeral(median)} ${scale} (${numeral(low)} – ${numeral(high)})`;
  const sizes = [ours, baseline].filter((value) => value !== null).map(numeral);
  const judged =
    bar === null || !isJudged ? '' : `  ${bar} ${verdict === 'met' ? 'met' : 'MISSED'}`;
  return [
    `${group.padEnd(10)} ${name}`,
    `           ${spread}  ${sizes.join(' / ')} ${unit}${judged}`,
    ...(note === null ? [] : [`           ${note}`]),
  ].join('\n');
}
