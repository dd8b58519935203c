import type { JsonValue } from '../events.ts';
import { formatDate, formatUtc, isReal, localSeconds, nothingWritten } from './calendar.ts';
import { COERCE } from './coerce.ts';
import { compilePattern, hasOffset, patternFault, type PatternReader } from './date-pattern.ts';
import { readIso } from './iso.ts';
import { Refused } from './values.ts';
import type { Disambiguation, Zone } from './zone.ts';

/** How a date-time is written, and what is made of it. */
export interface DatetimeRule {
  /** `iso`, `epoch-seconds`, `epoch-millis`, or a pattern. */
  readonly format: string;
  readonly offset: 'use' | 'ignore';
  readonly disambiguation: Disambiguation;
}

/** Turns a value into UTC text; a local time is read in the zone. */
export type DatetimeConverter = (value: JsonValue, zone: Zone | undefined) => string | Refused;

const isEpoch = (format: string): boolean =>
  format === 'epoch-seconds' || format === 'epoch-millis';

/** Why a format cannot be; `undefined` where it can. */
export function formatFault(
  format: string,
  type: 'date' | 'datetime',
  offset: 'use' | 'ignore' = 'use',
): string | undefined {
  if (format === 'iso') return undefined;
  if (!isEpoch(format)) return patternFault(format, type);
  if (type === 'date') return 'is a moment, whose date depends on the zone; the type is datetime';
  return offset === 'ignore' ? 'has no offset that could be ignored' : undefined;
}

/** Whether a value of this format may come without an offset, or its offset does not count. */
export function needsZone(format: string, offset: 'use' | 'ignore'): boolean {
  if (isEpoch(format)) return false;
  return offset === 'ignore' || format === 'iso' || !hasOffset(format);
}

const NO_OFFSET = new Refused('has no offset, and no zone is known');
const UNCLEAR = new Refused('is a local time that a clock change skips or repeats');

/** One for all: a conversion neither waits nor calls back between reading and using it. */
const written = nothingWritten();

/**
 * Compiles a date-time. What it makes is what `Temporal.Instant` prints: UTC, with as many digits of
 * a fraction as were written and are not zeros at the end.
 */
export function compileDatetime(rule: DatetimeRule): DatetimeConverter {
  const { format, offset, disambiguation } = rule;
  if (isEpoch(format)) return compileEpoch(format === 'epoch-seconds');
  const refused = new Refused(
    format === 'iso'
      ? 'must be a date-time such as 2025-03-02T10:30:45 or 2025-03-02T10:30:45+05:30'
      : `must be a date-time of the form ${format}`,
  );
  const read: PatternReader =
    format === 'iso' ? (text, into) => readIso(text, into) === 'datetime' : compilePattern(format);
  const isLocal = offset === 'ignore';
  return (value, zone) => {
    if (typeof value !== 'string' || !read(value, written) || !isReal(written)) return refused;
    const local = localSeconds(written);
    if (!isLocal && !Number.isNaN(written.offset)) {
      return formatUtc(local - written.offset, written.fraction) ?? refused;
    }
    if (zone === undefined) return NO_OFFSET;
    const { fraction } = written;
    const seconds = zone.toUtc(local, disambiguation);
    return seconds === undefined ? UNCLEAR : (formatUtc(seconds, fraction) ?? refused);
  };
}

function compileEpoch(isSeconds: boolean): DatetimeConverter {
  const refused = new Refused(
    isSeconds
      ? 'must be seconds since 1970: a number or its digits, nine of a fraction at most'
      : 'must be milliseconds since 1970: a whole number or its digits',
  );
  const form = isSeconds ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?$/ : /^(-?)(\d{1,15})$/;
  return (value) => {
    // Digits as they were written, so that no fraction is rounded twice.
    const digits = COERCE.decimal(value);
    const match = typeof digits === 'string' ? form.exec(digits) : null;
    if (match === null) return refused;
    const [, sign, whole = '', fraction = ''] = match;
    const scale = isSeconds ? 1 : 1000;
    const number = Number(whole);
    let seconds = Math.floor(number / scale);
    let nanos = isSeconds ? Number(fraction.padEnd(9, '0')) : (number % scale) * 1e6;
    if (sign === '-') {
      seconds = nanos === 0 ? -seconds : -seconds - 1;
      nanos = nanos === 0 ? 0 : 1e9 - nanos;
    }
    return formatUtc(seconds, String(nanos).padStart(9, '0')) ?? refused;
  };
}

/** Compiles a date: the day as it was written, whatever time and offset stand beside it. */
export function compileDate(format: string): (value: JsonValue) => string | Refused {
  const refused = new Refused(
    format === 'iso' ? 'must be a date such as 2025-03-02' : `must be a date of the form ${format}`,
  );
  if (format === 'iso') {
    return (value) => {
      if (typeof value !== 'string') return refused;
      written.hour = written.minute = written.second = 0;
      return readIso(value, written) !== undefined && isReal(written)
        ? value.slice(0, 10)
        : refused;
    };
  }
  const read = compilePattern(format);
  return (value) =>
    typeof value === 'string' && read(value, written) && isReal(written)
      ? formatDate(written)
      : refused;
}
