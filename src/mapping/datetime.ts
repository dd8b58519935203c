import type { JsonValue } from '../events.ts';
import { dateText, localSecond, utcText, type WrittenTime } from '../calendar.ts';
import { compilePattern, hasOffset, patternFault } from './date-pattern.ts';
import { convertEpochMillis, convertEpochSeconds } from './epoch-time.ts';
import { OUT_OF_RANGE, readIsoDate, readIsoTime } from './iso-time.ts';
import { Refused } from './values.ts';
import type { Disambiguation, Zone } from './zone.ts';

/** How a `datetime` is written, and what its local time means. */
export interface DatetimeRule {
  /** `iso`, `epoch-seconds`, `epoch-millis`, or a pattern; one without a fault. */
  readonly format: string;
  /** Whether an offset in the value counts, or the local time beside it is all that is taken. */
  readonly offset: 'use' | 'ignore';
  readonly disambiguation: Disambiguation;
}

const NOT_TEXT = new Refused('must be a string');
const NO_ZONE = new Refused('has no offset, and no zone is known');
const AMBIGUOUS = new Refused('must be a local time that no clock change skips or repeats');

/**
 * Says why a format cannot be: an unknown letter, two digits of a year, no hour in a `datetime`, an
 * epoch for a `date`, or without its offset.
 *
 * @returns `undefined` where it can; else what follows its name in a sentence.
 */
export function formatFault(
  format: string,
  type: 'date' | 'datetime',
  offset: 'use' | 'ignore' = 'use',
): string | undefined {
  if (format === 'iso') return undefined;
  if (!isEpoch(format)) return patternFault(format, type);
  if (type === 'date') return 'says a moment, whose date depends on the zone: make it a datetime';
  return offset === 'ignore' ? 'has no offset that could be ignored' : undefined;
}

/** Whether a value of this format may come without an offset that counts, so that it takes a zone. */
export function needsZone(format: string, offset: 'use' | 'ignore'): boolean {
  return offset === 'ignore' || !(isEpoch(format) || hasOffset(format));
}

/**
 * Compiles how the values of a `datetime` become UTC: `2025-03-02T05:00:45Z`, with a fraction only
 * where there is one, exactly as `Temporal.Instant` prints it. Years are 0000 to 9999.
 *
 * @returns Takes the value and, where one is known, the zone of values without an offset; it never
 *   throws.
 * @throws TypeError - The format has a fault.
 */
export function compileDatetime(
  rule: DatetimeRule,
): (value: JsonValue, zone: Zone | undefined) => string | Refused {
  const { format, offset, disambiguation } = rule;
  if (format === 'epoch-seconds') return convertEpochSeconds;
  if (format === 'epoch-millis') return convertEpochMillis;
  const read = format === 'iso' ? readIsoTime : compilePattern(format);
  return (value, zone) => {
    if (typeof value !== 'string') return NOT_TEXT;
    const time = read(value);
    if (time instanceof Refused) return time;
    if (time.offset === undefined || offset === 'ignore') {
      return zone === undefined ? NO_ZONE : zonedText(time, zone, disambiguation);
    }
    return utcText(localSecond(time) - time.offset, time.fraction) ?? OUT_OF_RANGE;
  };
}

function zonedText(
  time: WrittenTime,
  zone: Zone,
  disambiguation: Disambiguation,
): string | Refused {
  const second = zone.secondOf(localSecond(time), disambiguation);
  if (second === undefined) return AMBIGUOUS;
  return utcText(second, time.fraction) ?? OUT_OF_RANGE;
}

/**
 * Compiles how the values of a `date` become `YYYY-MM-DD`: as it is written, whatever time or
 * offset stands beside it. The function it gives never throws.
 *
 * @throws TypeError - The format has a fault.
 */
export function compileDate(format: string): (value: JsonValue) => string | Refused {
  if (format === 'iso')
    return (value) => (typeof value === 'string' ? readIsoDate(value) : NOT_TEXT);
  const read = compilePattern(format);
  return (value) => {
    if (typeof value !== 'string') return NOT_TEXT;
    const time = read(value);
    return time instanceof Refused ? time : dateText(time.day);
  };
}

function isEpoch(format: string): boolean {
  return format === 'epoch-seconds' || format === 'epoch-millis';
}
