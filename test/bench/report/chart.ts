import { barOf, numeral, type Row } from '../row.ts';

/** What a row looks like as bars, in any unit. */
interface Lengths {
  readonly ours: number;
  readonly low: number;
  readonly high: number;
  /** `null` where there is none. */
  readonly baseline: number | null;
  /** Where the bar to be met is. */
  readonly limit: number | null;
}

const WIDTH = 860;
const LEFT = 16;
/** Room to the right of the bars, for a value. */
const VALUE = 130;
const ROW = 92;
const THICK = 14;

/** The rows of a group as a picture: ours over the baseline, the bar to be met, and the spread. */
export function chartOf(rows: readonly Row[], title: string): string {
  const height = rows.length * ROW + 16;
  const parts = rows.map((row, i) => rowOf(row, 8 + i * ROW));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" height="${String(height)}" role="img" aria-label="${escape(title)}">
<style>
  .paper { fill: #ffffff } .name, .value { fill: #1f2328 } .quiet { fill: #59636e }
  .met { fill: #1a7f37 } .missed { fill: #cf222e } .shown { fill: #0969da }
  .base { fill: #afb8c1 } .limit, .spread { stroke: #1f2328 } .line { stroke: #d1d9e0 }
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif } .name { font-weight: 600 }
  .small { font-size: 12px }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } .name, .value { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .met { fill: #3fb950 } .missed { fill: #f85149 } .shown { fill: #4493f8 }
    .base { fill: #59636e } .limit, .spread { stroke: #e6edf3 } .line { stroke: #3d444d }
  }
</style>
<rect class="paper" width="100%" height="100%" rx="6"/>
${parts.join('\n')}
</svg>
`;
}

function rowOf(row: Row, top: number): string {
  const { verdict, unit, ours, baseline } = row;
  const lengths = lengthsOf(row);
  const longest = Math.max(
    ...Object.values(lengths).filter((length: number | null) => length !== null),
  );
  const room = WIDTH - 2 * LEFT - VALUE;
  const at = (length: number): number =>
    LEFT + (Math.max(0, Math.min(length, longest)) / longest) * room;
  const [mine = '', theirs = ''] = namesOf(row);
  const [first, second] = [top + 26, top + 44];
  const lines = [
    text(LEFT, top + 16, 'name', mine),
    text(WIDTH - LEFT, top + 16, `${verdict} name`, resultOf(row), 'end'),
    bar(verdict, first, at(lengths.ours)),
    text(WIDTH - LEFT, first + 12, 'value small', `${numeral(ours)} ${unit}`, 'end'),
  ];
  if (lengths.baseline !== null) {
    lines.push(
      bar('base', second, at(lengths.baseline)),
      text(WIDTH - LEFT, second + 12, 'value small', `${numeral(baseline!)} ${unit}`, 'end'),
      text(LEFT, second + 31, 'quiet small', `against ${theirs}`),
    );
  }
  lines.push(
    text(WIDTH - LEFT, second + 31, 'quiet small', `${goalOf(row)} is better`, 'end'),
    `<path class="spread" stroke-width="1.5" fill="none" d="M${px(at(lengths.low))} ${String(first + 7)}H${px(at(lengths.high))}M${px(at(lengths.low))} ${String(first + 3)}v8M${px(at(lengths.high))} ${String(first + 3)}v8"/>`,
  );
  if (lengths.limit !== null) {
    lines.push(
      `<path class="limit" stroke-width="2.5" stroke-dasharray="4 2" d="M${px(at(lengths.limit))} ${String(first - 4)}v22"/>`,
    );
  }
  lines.push(
    `<path class="line" d="M${String(LEFT)} ${String(top + ROW - 6)}H${String(WIDTH - LEFT)}"/>`,
  );
  return lines.join('\n');
}

/** Ours and the baseline, by the row's name. */
export function namesOf({ name, baseline }: Row): readonly string[] {
  const cut = name.lastIndexOf(' / ');
  return baseline === null || cut < 0 ? [name] : [name.slice(0, cut), name.slice(cut + 3)];
}

/** Whether the row says how many times as fast, of what was measured as times. */
const isInverted = ({ direction, unit, scale }: Row): boolean =>
  direction === 'at least' && scale === '×' && ['ns', 'µs', 'ms', 's'].includes(unit);

const goalOf = (row: Row): string =>
  (row.direction === 'at least') === isInverted(row) ? 'shorter' : 'longer';

/** In multiples of the baseline, or in the row's unit where the bar is not on a ratio. */
function lengthsOf(row: Row): Lengths {
  const { scale, ours, baseline, median, low, high, bar } = row;
  if (scale !== '×') {
    const zero = baseline ?? 0;
    return {
      ours,
      low: zero + low,
      high: zero + high,
      baseline,
      limit: bar === null ? null : zero + bar,
    };
  }
  const length = (ratio: number): number => (isInverted(row) ? 1 / ratio : ratio);
  return {
    ours: length(median),
    low: length(low),
    high: length(high),
    baseline: 1,
    limit: bar === null ? null : length(bar),
  };
}

function resultOf(row: Row): string {
  const { median, scale, verdict } = row;
  const bar = barOf(row);
  const judged = bar === null ? '' : `   ${bar} ${verdict === 'met' ? '✓ met' : '✗ missed'}`;
  return `${numeral(median)} ${scale}${judged}`;
}

const px = (x: number): string => x.toFixed(1);

const bar = (kind: string, top: number, end: number): string =>
  `<rect class="${kind}" x="${String(LEFT)}" y="${String(top)}" width="${px(Math.max(1, end - LEFT))}" height="${String(THICK)}" rx="2"/>`;

const text = (x: number, y: number, kind: string, words: string, anchor = 'start'): string =>
  `<text class="${kind}" x="${String(x)}" y="${String(y)}" text-anchor="${anchor}" xml:space="preserve">${escape(words)}</text>`;

const escape = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
