import * as PlainDateTime from 'temporal-polyfill/fns/PlainDateTime';
import * as ZonedDateTime from 'temporal-polyfill/fns/ZonedDateTime';
import { dateOf } from '../calendar.ts';

/** Which moment a local time means that a clock change skips or repeats, as in Temporal. */
export type Disambiguation = 'compatible' | 'earlier' | 'later' | 'reject';

/** A time zone, and what was learned about its offsets. */
export interface Zone {
  /** Its IANA name, in the usual letter case. */
  readonly name: string;
  /**
   * The moment of a local time, exactly as Temporal finds it.
   *
   * @param local - Seconds since 1970-01-01T00:00 in the same place, whole, of the years 0000 to 9999.
   * @returns Seconds since 1970 in UTC; `undefined` where a clock change skips or repeats the local
   *   time and that is to be rejected.
   */
  secondOf(local: number, disambiguation: Disambiguation): number | undefined;
}

/** Only names that Temporal knows get in, so the time zone database is the bound. */
const zones = new Map<string, Zone>();

const NAME = /^[A-Za-z][\w+/-]{0,63}$/;

/**
 * Finds a zone by its IANA name, in any letter case.
 *
 * @returns `undefined` where Temporal takes no such name; offsets (`+05:30`) and abbreviations
 *   (`IST`) are none.
 */
export function findZone(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (!NAME.test(name)) return undefined;
  let id: string;
  try {
    id = ZonedDateTime.create(0n, name).timeZoneId;
  } catch {
    return undefined;
  }
  let zone = zones.get(id);
  if (zone === undefined) zones.set(id, (zone = new CachedZone(id)));
  return zone;
}

/** The zones that this runtime names, in alphabetical order, for help with a misspelt one. */
export function zoneNames(): readonly string[] {
  return [...new Set([...Intl.supportedValuesOf('timeZone'), 'UTC'])].sort();
}

/** Local time is looked at in pieces of about 24 days; few of them hold more than one change. */
const PIECE = 2 ** 21;
/** A local time lies within a day of UTC, and Temporal looks a day around a gap. */
const MARGIN = 26 * 3600;
/** About 135 years, so that the dates of birth of living people fit. */
const MAX_PIECES = 2048;

/** One clock change, in seconds: when it is in UTC, and the offsets before it and from it on. */
interface Change {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** A piece's only offset, its only change, or that there are more and Temporal is asked each time. */
type Piece = number | Change | 'many';

class CachedZone implements Zone {
  readonly name: string;
  readonly #pieces = new Map<number, Piece>();
  /** The last span of UTC seconds that was found to be without a change, and its offset. */
  #quiet = { from: 0, until: 0, offset: 0 };

  constructor(name: string) {
    this.name = name;
  }

  secondOf(local: number, disambiguation: Disambiguation): number | undefined {
    const index = Math.floor(local / PIECE);
    const piece = this.#pieces.get(index) ?? this.#learn(index);
    if (typeof piece === 'number') return local - piece;
    if (piece === 'many') return askTemporal(this.name, local, disambiguation);
    return secondNear(piece, local, disambiguation);
  }

  #learn(index: number): Piece {
    const piece = this.#look(index * PIECE - MARGIN, (index + 1) * PIECE + MARGIN);
    // Dates that reach over more than this are rare, so a fresh start is cheaper than an order.
    if (this.#pieces.size === MAX_PIECES) this.#pieces.clear();
    this.#pieces.set(index, piece);
    return piece;
  }

  /** What happens between two moments. */
  #look(from: number, until: number): Piece {
    const quiet = this.#quiet;
    if (from >= quiet.from && until <= quiet.until) return quiet.offset;
    const start = ZonedDateTime.create(BigInt(from) * 1_000_000_000n, this.name);
    const before = offsetOf(start);
    const change = nextChange(start);
    const at = secondsOf(change);
    if (change === null || at >= until) {
      // The search for the next change is the slow part, and longest where there are few.
      this.#quiet = { from, until: at, offset: before };
      return before;
    }
    if (secondsOf(nextChange(change)) < until) return 'many';
    return { at, before, after: offsetOf(change) };
  }
}

/** Follows the rules of Temporal around one clock change. */
function secondNear(
  { at, before, after }: Change,
  local: number,
  disambiguation: Disambiguation,
): number | undefined {
  const isGap = after > before;
  if (local < at + (isGap ? before : after)) return local - before;
  if (local >= at + (isGap ? after : before)) return local - after;
  if (disambiguation === 'reject') return undefined;
  // In a gap the offset before it is the smaller one, and so gives the later moment.
  if (disambiguation === 'compatible') return local - before;
  return (disambiguation === 'later') === isGap ? local - before : local - after;
}

function askTemporal(
  name: string,
  local: number,
  disambiguation: Disambiguation,
): number | undefined {
  const day = Math.floor(local / 86_400);
  const second = local - day * 86_400;
  const { year, month, dayOfMonth } = dateOf(day);
  const time = PlainDateTime.create(
    year,
    month,
    dayOfMonth,
    Math.floor(second / 3600),
    Math.floor(second / 60) % 60,
    second % 60,
  );
  try {
    return secondsOf(PlainDateTime.toZonedDateTime(time, name, { disambiguation }));
  } catch {
    return undefined;
  }
}

function nextChange(time: ZonedDateTime.Record): ZonedDateTime.Record | null {
  return ZonedDateTime.getTimeZoneTransition(time, 'next');
}

function offsetOf(time: ZonedDateTime.Record): number {
  return ZonedDateTime.offsetNanoseconds(time) / 1e9;
}

/** When a change is, in seconds since 1970; never, where there is none. */
function secondsOf(change: ZonedDateTime.Record | null): number {
  return change === null ? Infinity : change.epochMilliseconds / 1000;
}
