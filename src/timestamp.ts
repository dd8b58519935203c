import { dayOf, utcText } from './calendar.ts';
import { endOfDigits, twoDigits } from './digits.ts';

/** A point in time read from RFC 3339. */
export interface Timestamp {
  /** UTC with nine fractional digits, so that two of them compare as text. */
  readonly utc: string;
  /** Milliseconds since 1970, fractions dropped. */
  readonly epochMillis: number;
}

const NO_FRACTION = '000000000';

/**
 * Reads an RFC 3339 date-time with its offset (section 5.6 of the RFC). Digits beyond the ninth
 * are dropped. A leap second is accepted where UTC can have one (23:59:60).
 *
 * @returns `undefined` where the text is no such date-time, or names no real day or hour.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const dayOfMonth = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (!isPunctuated(text) || year < 0 || hour < 0 || minute < 0 || second < 0) return undefined;

  let end = 19;
  let fraction = NO_FRACTION;
  if (text.charCodeAt(end) === 0x2e /* . */) {
    end = endOfDigits(text, 20);
    if (end === 20) return undefined;
    fraction = text.slice(20, Math.min(end, 29)).padEnd(9, '0');
  }
  const offset = readOffset(text, end);
  const day = dayOf(year, month, dayOfMonth);
  if (offset === undefined || day === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;

  // The minute is computed apart from its seconds, so that a leap second stays one.
  const minutes = day * 1440 + hour * 60 + minute - offset;
  const isLeap = second === 60;
  const utc = utcText(minutes * 60 + (isLeap ? 59 : second), fraction);
  if (utc === undefined || (isLeap && !utc.startsWith('T23:59:', 10))) return undefined;
  return {
    utc: isLeap ? `${utc.slice(0, 17)}60${utc.slice(19)}` : utc,
    epochMillis: (minutes * 60 + second) * 1000 + Number(fraction.slice(0, 3)),
  };
}

/** Whether dashes, colons and the T stand where they belong. */
function isPunctuated(text: string): boolean {
  return (
    text.charCodeAt(4) === 0x2d /* - */ &&
    text.charCodeAt(7) === 0x2d &&
    (text.charCodeAt(10) | 0x20) === 0x74 /* t */ &&
    text.charCodeAt(13) === 0x3a /* : */ &&
    text.charCodeAt(16) === 0x3a
  );
}

/** Minutes east of UTC; `undefined` where the text does not end with an offset. */
function readOffset(text: string, start: number): number | undefined {
  const sign = text.charCodeAt(start);
  if (text.length === start + 1) return (sign | 0x20) === 0x7a /* z */ ? 0 : undefined;
  if (text.length !== start + 6 || text.charCodeAt(start + 3) !== 0x3a /* : */) return undefined;
  const hours = twoDigits(text, start + 1);
  const minutes = twoDigits(text, start + 4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  if (sign === 0x2b /* + */) return hours * 60 + minutes;
  return sign === 0x2d /* - */ ? -(hours * 60 + minutes) : undefined;
}
