import { describe } from '../machine.ts';
import { barOf, type Group, GROUPS, numeral } from '../row.ts';
import { namesOf } from './chart.ts';
import type { DatedRow, Report } from './publish.ts';

/** What each group's picture shows. */
export const TITLES: Readonly<Record<Group, string>> = {
  signature: 'Verifying a signature',
  pipeline: 'From bytes to columns',
  mapping: 'Mapping fields',
  http: 'Whole servers under load',
  stores: 'Committing events',
  sender: 'Sending events',
  scale: 'Several receivers on one Postgres',
  start: 'Starting',
  size: 'Size',
  backlog: 'A long queue',
  growth: 'An inbox of millions',
};

/** How each group is measured, and what to mind when reading it. */
const WORDS: Readonly<Record<Group, string>> = {
  signature: `64 events of about 276 bytes in turn, in one process. \`verifySignature\` also checks the
    secret and the form of the signature, which the bare HMAC does not. \`standardwebhooks\` and \`svix\` compute
    SHA-256 in JavaScript.`,
  pipeline: `Everything a receiver does with a body before it is stored, against the least that anyone must
    do: an HMAC over the bytes and \`JSON.parse\`. Ours also refuses duplicate keys, prototype keys, too deep
    nesting and numbers that would lose digits, validates the envelope, and maps five fields. Larger events
    carry more observations, of which the mapping takes nothing.`,
  mapping: `256 different events in turn. Where the bar is a least (≥), the ratio is how many times as fast
    ours is.`,
  http: `Each server is a process of its own, and so is the load generator, which holds 64 connections open
    and sends a new event on each as soon as the last is answered; it checks that every answer is 200 with
    the body of the document. Events are new, signed before the clock starts, and 276 bytes. After each row the
    stored events and rows are counted. SQLite runs with \`synchronous = FULL\`, Postgres with \`fsync\`, ours and
    theirs. The hand-written receivers are in
    [\`test/bench/baselines\`](../test/bench/baselines): they verify the signature, parse, claim the event and upsert
    the row in one transaction an event, with prepared statements. With a closed loop like this, the 99th percentile is the
    slowest answer at full load, not what a quiet system shows.`,
  stores: `Changes straight into the store, without HTTP; \`fsync\` is on.`,
  sender: `The server only answers, in a process of its own; the baselines are bare loops of \`undici\` that
    sign and post the same bytes.`,
  scale: `Processor time of all receivers and of every process of a Postgres of its own, an event; the load
    generator is left out.`,
  start: `Whole processes in turns, as who starts them sees them.`,
  size: `The bundle is made by esbuild for Node. Installed is what \`npm install\` brings into an empty project,
    type declarations included.`,
  backlog: `Each drain is a process of its own with a heap of a fixed size.`,
  growth: `Commits of 64 new events to an inbox that is nearly empty and to one with millions of keys, in
    turns. Ids of this package's sender grow with time; random ids touch another page of the index each, and
    are only shown.`,
};

/** The page of all figures. */
export function benchmarksPage({ machine, rows }: Report): string {
  const groups = GROUPS.filter((group) => rows.some((row) => row.group === group));
  return `# Benchmarks

<!-- Made by \`npm run bench:docs\` of benchmarks.json. Do not edit. -->

${scoreOf(rows)}

Every row runs ours and its baseline in turns on one machine, and judges the **ratio** of the two: absolute
figures are of this machine, ratios travel. The ratio is the median of the rounds, with their 10 % and 90 %.
Its bar was set before it was measured.

Measured on: ${describe(machine)}.

To run it again: \`npm ci && npm run bench\` (ten minutes), \`npm run bench -- http\` for one group, \`npm run bench
-- all --docs\` for everything, with this page made anew (half an hour). It needs a PostgreSQL at \`POSTGRES_URL\`, and a quiet machine: what else runs there widens the
spread.

In the pictures, the upper bar is ours, green where it meets its bar and red where it does not, and the grey
one is the baseline. The dashed line is the bar, the whisker the spread.

${groups.map((group) => section(group, rows)).join('\n')}`;
}

function scoreOf(rows: readonly DatedRow[]): string {
  const missed = rows.filter(({ verdict }) => verdict === 'missed');
  const judged = rows.filter(({ verdict }) => verdict !== 'shown').length;
  const score = `**${String(judged - missed.length)} of ${String(judged)} bars are met.**`;
  if (missed.length === 0) return score;
  const list = missed.map(
    (row) =>
      `- ${row.group}: ${escapeCell(row.name)}: ${numeral(row.median)} ${row.scale} (bar ${barOf(row)!})`,
  );
  return `${score} Missed:\n\n${list.join('\n')}`;
}

function section(group: Group, all: readonly DatedRow[]): string {
  const rows = all.filter((row) => row.group === group);
  const { date, revision } = rows[0]!;
  return `## ${TITLES[group]}

${WORDS[group].replaceAll(/\n\s+/g, ' ')} Measured on ${date}, at ${revision}.

![${TITLES[group]}: the table below as bars](benchmarks/${group}.svg)

| \`${group}\` | against | ours | theirs | ratio (10 % – 90 %) | bar | |
| --- | --- | ---: | ---: | ---: | ---: | --- |
${rows.map(lineOf).join('\n')}
${notesOf(rows)}`;
}

function lineOf(row: DatedRow): string {
  const { ours, baseline, unit, median, low, high, scale, verdict } = row;
  const [mine = '', theirs = ''] = namesOf(row).map(escapeCell);
  const cells = [
    mine,
    theirs,
    `${numeral(ours)} ${unit}`,
    baseline === null ? '' : `${numeral(baseline)} ${unit}`,
    `${numeral(median)} ${scale} (${numeral(low)} – ${numeral(high)})`,
    barOf(row) ?? '',
    verdict === 'shown' ? '' : verdict === 'met' ? '✓ met' : '✗ missed',
  ];
  return `| ${cells.join(' | ')} |`;
}

function notesOf(rows: readonly DatedRow[]): string {
  const notes = new Map<string, string[]>();
  for (const { note, name } of rows) {
    if (note !== null) notes.set(note, [...(notes.get(note) ?? []), name]);
  }
  const lines = [...notes].map(([note, names]) =>
    names.length === rows.length
      ? `- All: ${note}`
      : `- ${names.map(escapeCell).join('; ')}: ${note}`,
  );
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('@', '&#64;');
