import type { Io } from './io.ts';

const BAR = 24;

/**
 * The last line of standard error: overwritten in place in a terminal, and left out elsewhere, where
 * only what is said for good is written.
 */
export class StatusLine {
  readonly #io: Io;
  #shown = '';

  constructor(io: Io) {
    this.#io = io;
  }

  get isLive(): boolean {
    return this.#io.columns() !== undefined;
  }

  /** Takes the place of what was shown before. */
  show(text: string): void {
    const columns = this.#io.columns();
    if (columns === undefined) return;
    // A line that is too long for the terminal would wrap, and stay.
    this.#shown = text.slice(0, Math.max(1, columns - 1));
    this.#io.err(`\r${this.#paint(this.#shown)}\x1b[K`);
  }

  /** Says something for good, above what is shown. */
  say(text: string): void {
    const shown = this.#shown;
    this.clear();
    this.#io.err(`${text}\n`);
    if (shown !== '') this.show(shown);
  }

  /** Takes away what is shown. */
  clear(): void {
    if (this.#shown !== '') this.#io.err('\r\x1b[K');
    this.#shown = '';
  }

  /** Leaves what is shown where it is. */
  keep(): void {
    if (this.#shown !== '') this.#io.err('\n');
    this.#shown = '';
  }

  #paint(text: string): string {
    if (this.#io.env['NO_COLOR']) return text;
    return text.replace(/█+/, '\x1b[32m$&\x1b[39m').replace(/░+/, '\x1b[2m$&\x1b[22m');
  }
}

/** How far a piece of work is. */
export interface Progress {
  /** From 0 to 1; `undefined` where nobody knows how much there is. */
  readonly share: number | undefined;
  readonly done: number;
  /** Why it does not go on at the moment. */
  readonly trouble: string | undefined;
  /** What else there is to say. */
  readonly notes: readonly string[];
}

/** A moment, and how far the work was then. */
interface Sample {
  readonly at: number;
  readonly done: number;
  readonly share: number;
}

/** How many samples the rate is taken over; a few seconds of them. */
const WINDOW = 50;

/** Puts progress into words: a bar, a count, how fast it goes, and how long it will take. */
export class ProgressBar {
  #samples: Sample[] = [];

  /** @param now - Milliseconds since any moment. */
  draw({ share, done, trouble, notes }: Progress, now: number): string {
    this.#samples.push({ at: now, done, share: share ?? 0 });
    this.#samples = this.#samples.slice(-WINDOW);
    const [first] = this.#samples as [Sample];
    const seconds = (now - first.at) / 1_000;
    const rate = seconds > 0 ? (done - first.done) / seconds : 0;
    const speed = (share ?? 0) - first.share;
    const left = speed > 0 && share !== undefined ? ((1 - share) / speed) * seconds : 0;
    return [
      ...(share === undefined ? [] : [bar(share)]),
      `${whole(done)} events`,
      ...(trouble === undefined ? [`${whole(rate)}/s`] : [`held up: ${trouble}`]),
      ...(left >= 1 && trouble === undefined ? [`${clock(left)} left`] : []),
      ...notes,
    ].join('  ');
  }
}

function bar(share: number): string {
  const bounded = Math.min(1, Math.max(0, share));
  const filled = Math.round(bounded * BAR);
  const percent = String(Math.floor(bounded * 100)).padStart(3);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${percent} %`;
}

/** `12,345`, whatever the machine's language. */
export function whole(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/** `7 s`, `4:05`, `3:00:00`. */
export function clock(seconds: number): string {
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${String(rounded)} s`;
  const parts = [Math.floor(rounded / 3_600), Math.floor(rounded / 60) % 60, rounded % 60];
  const [hours, ...rest] = parts as [number, number, number];
  const shown = hours > 0 ? [hours, ...rest] : rest;
  return shown
    .map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0')))
    .join(':');
}
