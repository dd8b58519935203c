import { Temporal } from 'temporal-polyfill';

/** Which moment a local time means that a clock change skips or repeats; as Temporal has it. */
export type Disambiguation = 'compatible' | 'earlier' | 'later' | 'reject';

/** An IANA time zone, and what was found out about it so far. */
export interface Zone {
  readonly name: string;
  /**
   * Seconds since 1970 of a local time, given as if it were UTC; `undefined` where a clock change
   * skips or repeats it and that is to be refused.
   */
  toUtc(local: number, disambiguation: Disambiguation): number | undefined;
}

/** Names may come with an event, so their number has no bound of its own. */
const MOST_ZONES = 1_000;
const zones = new Map<string, Zone>();

/**
 * Finds a zone by its IANA name; `undefined` where there is none. Offsets (`+05:30`) and the
 * abbreviations that mean other things elsewhere (`IST`, `EST`) are none.
 */
export function findZone(name: string): Zone | undefined {
  const folded = name.toLowerCase();
  const known = zones.get(folded);
  if (known !== undefined) return known;
  const canonical = zoneNameOf(name);
  if (canonical === undefined) return undefined;
  const zone = new CachedZone(canonical);
  if (zones.size >= MOST_ZONES) zones.clear();
  zones.set(folded, zone);
  return zone;
}

function zoneNameOf(name: string): string | undefined {
  if (!/^[a-z][\w/+-]{0,63}$/i.test(name)) return undefined;
  if (/^[a-z]{1,3}$/i.test(name) && !/^(utc|gmt)$/i.test(name)) return undefined;
  try {
    return EPOCH.toZonedDateTimeISO(name).timeZoneId;
  } catch {
    return undefined;
  }
}

const EPOCH = Temporal.Instant.fromEpochMilliseconds(0);

/** The names to choose from. */
export function zoneNames(): readonly string[] {
  return [...Intl.supportedValuesOf('timeZone'), 'UTC'];
}

/** A stretch of local time: one offset, or two and the moment between them; times in seconds. */
interface Stretch {
  readonly before: number;
  readonly after: number;
  /** Infinity where the offset does not change. */
  readonly change: number;
}

/** About 24 days, a power of two. */
const STRETCH = 2 ** 21;
/** No offset is larger than a day, so what is further away changes nothing. */
const MARGIN = 26 * 3600;
/** 70 years have about a thousand stretches. */
const MOST_STRETCHES = 4_000;

/** Asks Temporal once about each stretch of time, and computes the rest. */
class CachedZone implements Zone {
  readonly name: string;
  readonly #stretches = new Map<number, Stretch | null>();
  #lastIndex = NaN;
  #last: Stretch | null = null;

  constructor(name: string) {
    this.name = name;
  }

  toUtc(local: number, disambiguation: Disambiguation): number | undefined {
    const index = Math.floor(local / STRETCH);
    if (index !== this.#lastIndex) {
      this.#last = this.#stretch(index);
      this.#lastIndex = index;
    }
    const stretch = this.#last;
    // Where a stretch has several changes, Temporal is asked about each time.
    return stretch === null
      ? askTemporal(this.name, local, disambiguation)
      : resolve(local, stretch, disambiguation);
  }

  #stretch(index: number): Stretch | null {
    let stretch = this.#stretches.get(index);
    if (stretch === undefined) {
      stretch = findStretch(this.name, index * STRETCH - MARGIN, (index + 1) * STRETCH + MARGIN);
      if (this.#stretches.size >= MOST_STRETCHES) this.#stretches.clear();
      this.#stretches.set(index, stretch);
    }
    return stretch;
  }
}

function findStretch(name: string, start: number, end: number): Stretch | null {
  const atStart = instantOf(start).toZonedDateTimeISO(name);
  const before = offsetOf(atStart);
  const last = offsetOf(instantOf(end).toZonedDateTimeISO(name));
  const next = atStart.getTimeZoneTransition('next');
  if (next === null || secondsOf(next) > end) {
    return before === last ? { before, after: before, change: Infinity } : null;
  }
  const second = next.getTimeZoneTransition('next');
  const isOnly = second === null || secondsOf(second) > end;
  const after = offsetOf(next);
  return isOnly && after === last ? { before, after, change: secondsOf(next) } : null;
}

/** The rules of Temporal's `disambiguation`, for one change of the offset. */
function resolve(
  local: number,
  { before, after, change }: Stretch,
  disambiguation: Disambiguation,
): number | undefined {
  const asBefore = local - before;
  if (change === Infinity) return asBefore;
  const asAfter = local - after;
  const isBefore = asBefore < change;
  const isAfter = asAfter >= change;
  if (isBefore !== isAfter) return isBefore ? asBefore : asAfter;
  if (disambiguation === 'reject') return undefined;
  // A repeated time happened first under the old offset; a skipped one is later under it.
  const isRepeated = isBefore;
  if (disambiguation === 'compatible') return asBefore;
  return (disambiguation === 'earlier') === isRepeated ? asBefore : asAfter;
}

function askTemporal(
  name: string,
  local: number,
  disambiguation: Disambiguation,
): number | undefined {
  const plain = instantOf(local).toZonedDateTimeISO('UTC').toPlainDateTime();
  try {
    return secondsOf(plain.toZonedDateTime(name, { disambiguation }));
  } catch {
    return undefined;
  }
}

function instantOf(seconds: number): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(seconds * 1000);
}

function secondsOf(time: Temporal.ZonedDateTime): number {
  return time.epochMilliseconds / 1000;
}

function offsetOf(time: Temporal.ZonedDateTime): number {
  return time.offsetNanoseconds / 1e9;
}
