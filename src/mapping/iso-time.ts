import { dayOf, trimFraction, type WrittenTime } from '../calendar.ts';
import { endOfDigits, twoDigits } from '../digits.ts';
import { Refused } from './values.ts';

/** Why a date or time of the right form is none. */
export const NOT_REAL: Refused = new Refused('must be a date and time that exist');
/** Why a moment is refused that four digits of a year cannot say. */
export const OUT_OF_RANGE: Refused = new Refused('must be within the years 0000 to 9999 in UTC');

const NOT_ISO_DATE = new Refused('must be a date as YYYY-MM-DD, or an ISO 8601 date-time');
const NOT_ISO_TIME = new Refused('must be an ISO 8601 date-time, as YYYY-MM-DDTHH:mm:ss');

const COLON = 0x3a;
const DASH = 0x2d;

/** As many digits of a second's fraction as Temporal holds. */
export const MAX_FRACTION_DIGITS = 9;

/**
 * Reads `YYYY-MM-DD(T| )HH:mm[:ss[(.|,)fraction]][Z|±HH:mm|±HHmm|±HH]`; `t` and `z` may be small.
 *
 * There is no 24:00 and no second 60: which moment they name depends on who reads them. Temporal
 * would take the latter for 59.
 */
export function readIsoTime(text: string): WrittenTime | Refused {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const dayOfMonth = twoDigits(text, 8);
  const separator = text.charCodeAt(10);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  if (!isDateForm(text, year, month, dayOfMonth)) return NOT_ISO_TIME;
  if (separator !== 0x20 && (separator | 0x20) !== 0x74 /* t */) return NOT_ISO_TIME;
  if (hour < 0 || minute < 0 || text.charCodeAt(13) !== COLON) return NOT_ISO_TIME;

  let second = 0;
  let fraction = '';
  let end = 16;
  if (text.charCodeAt(16) === COLON) {
    second = twoDigits(text, 17);
    if (second < 0) return NOT_ISO_TIME;
    end = 19;
    const point = text.charCodeAt(19);
    if (point === 0x2e /* . */ || point === 0x2c /* , */) {
      end = endOfDigits(text, 20);
      if (end === 20 || end > 20 + MAX_FRACTION_DIGITS) return NOT_ISO_TIME;
      fraction = trimFraction(text.slice(20, end));
    }
  }

  let offset: number | undefined;
  if (end < text.length) {
    offset = readIsoOffset(text, end);
    if (offset === undefined) return NOT_ISO_TIME;
  }
  const day = dayOf(year, month, dayOfMonth);
  if (day === undefined || hour > 23 || minute > 59 || second > 59) return NOT_REAL;
  return { day, second: hour * 3600 + minute * 60 + second, fraction, offset };
}

/** Reads `YYYY-MM-DD`, or the date of an ISO date-time, and gives it as it was written. */
export function readIsoDate(text: string): string | Refused {
  if (text.length !== 10) {
    const time = readIsoTime(text);
    if (time === NOT_ISO_TIME) return NOT_ISO_DATE;
    return time instanceof Refused ? time : text.slice(0, 10);
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const dayOfMonth = twoDigits(text, 8);
  if (!isDateForm(text, year, month, dayOfMonth)) return NOT_ISO_DATE;
  return dayOf(year, month, dayOfMonth) === undefined ? NOT_REAL : text;
}

/**
 * Seconds east of UTC of an offset that ends where the text does.
 *
 * @returns `undefined` where it is none; hours end at 23 and minutes at 59.
 */
function readIsoOffset(text: string, start: number): number | undefined {
  const length = text.length - start;
  const sign = text.charCodeAt(start);
  if (length === 1) return (sign | 0x20) === 0x7a /* z */ ? 0 : undefined;
  if (length === 3) return offsetSeconds(sign, twoDigits(text, start + 1), 0);
  if (length === 5) {
    return offsetSeconds(sign, twoDigits(text, start + 1), twoDigits(text, start + 3));
  }
  if (length !== 6 || text.charCodeAt(start + 3) !== COLON) return undefined;
  return offsetSeconds(sign, twoDigits(text, start + 1), twoDigits(text, start + 4));
}

/** Seconds east of UTC; `undefined` where the sign is none or the numbers are no offset. */
export function offsetSeconds(sign: number, hours: number, minutes: number): number | undefined {
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  const seconds = hours * 3600 + minutes * 60;
  if (sign === 0x2b /* + */) return seconds;
  return sign === 0x2d /* - */ ? -seconds : undefined;
}

function isDateForm(text: string, year: number, month: number, day: number): boolean {
  return year + month + day >= 0 && text.charCodeAt(4) === DASH && text.charCodeAt(7) === DASH;
}
