/**
 * Days, seconds and their text, by arithmetic. `Date` and Temporal say the same, but this runs for
 * every date-time of every event, and both take several times as long.
 */

const SECONDS_A_DAY = 86_400;

/** 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of a year can say. */
const FIRST_SECOND = -62_167_219_200;
const LAST_SECOND = 253_402_300_799;

/** Days of 400 years, after which the calendar repeats itself. */
const DAYS_AN_ERA = 146_097;
/** From 0400-03-01 BC, before which no year of four digits lies, to 1970-01-01. */
const EPOCH_DAY = 719_468 + DAYS_AN_ERA;

const TWO_DIGITS: readonly string[] = Array.from({ length: 100 }, (_, n) =>
  String(n).padStart(2, '0'),
);
const HOURS_AND_MINUTES: readonly string[] = Array.from(
  { length: 1440 },
  (_, n) => `T${TWO_DIGITS[Math.floor(n / 60)] ?? ''}:${TWO_DIGITS[n % 60] ?? ''}:`,
);

/** A date and time as it was written: whole and real, but not yet a moment. */
export interface WrittenTime {
  /** Days since 1970-01-01. */
  readonly day: number;
  /** Second of the day. */
  readonly second: number;
  /** Digits of the second's fraction without the zeros at its end; empty where it is whole. */
  readonly fraction: string;
  /** Seconds east of UTC; `undefined` where none was written. */
  readonly offset: number | undefined;
}

/** The date's day since 1970-01-01; `undefined` where there is no such day. */
export function dayOf(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  // A year that begins in March has its leap day at the end.
  const marchYear = (month > 2 ? year : year - 1) + 400;
  const marchMonth = month > 2 ? month - 3 : month + 9;
  const leapDays = (marchYear >> 2) - ((marchYear / 100) | 0) + ((marchYear / 400) | 0);
  return marchYear * 365 + leapDays + (((153 * marchMonth + 2) / 5) | 0) + day - 1 - EPOCH_DAY;
}

/** Seconds of a local time since 1970-01-01T00:00 in the same place. */
export function localSecond(time: WrittenTime): number {
  return time.day * SECONDS_A_DAY + time.second;
}

/**
 * A moment as UTC, as `Temporal.Instant` prints it.
 *
 * @param second - Seconds since 1970, whole.
 * @param fraction - Digits of the fraction, without zeros at its end.
 * @returns `undefined` where it is not within the years 0000 to 9999.
 */
export function utcText(second: number, fraction: string): string | undefined {
  // The comparison is also false for NaN.
  if (!(second >= FIRST_SECOND && second <= LAST_SECOND)) return undefined;
  const day = Math.floor(second / SECONDS_A_DAY);
  const rest = second - day * SECONDS_A_DAY;
  const minute = (rest / 60) | 0;
  const text = `${dateText(day)}${HOURS_AND_MINUTES[minute] ?? ''}${TWO_DIGITS[rest - minute * 60] ?? ''}`;
  return fraction === '' ? `${text}Z` : `${text}.${fraction}Z`;
}

/** A fraction's digits without the zeros at its end. */
export function trimFraction(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30 /* 0 */) end--;
  return digits.slice(0, end);
}

let lastDay = NaN;
let lastDate = '';

/** A day since 1970-01-01 as `YYYY-MM-DD`, for the years 0000 to 9999. */
export function dateText(day: number): string {
  // The date-times of one delivery are mostly of one day.
  if (day === lastDay) return lastDate;
  const { year, month, dayOfMonth } = dateOf(day);
  const century = (year / 100) | 0;
  lastDay = day;
  lastDate = `${TWO_DIGITS[century] ?? ''}${TWO_DIGITS[year - century * 100] ?? ''}-${TWO_DIGITS[month] ?? ''}-${TWO_DIGITS[dayOfMonth] ?? ''}`;
  return lastDate;
}

/** The date of a day since 1970-01-01, from the year −399 on. */
export function dateOf(day: number): { year: number; month: number; dayOfMonth: number } {
  const days = day + EPOCH_DAY;
  const era = (days / DAYS_AN_ERA) | 0;
  const dayOfEra = days - era * DAYS_AN_ERA;
  const leapDays = ((dayOfEra / 1460) | 0) - ((dayOfEra / 36_524) | 0) + ((dayOfEra / 146_096) | 0);
  const yearOfEra = ((dayOfEra - leapDays) / 365) | 0;
  const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0));
  const marchMonth = ((5 * dayOfYear + 2) / 153) | 0;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: era * 400 + yearOfEra - 400 + (month > 2 ? 0 : 1),
    month,
    dayOfMonth: dayOfYear - (((153 * marchMonth + 2) / 5) | 0) + 1,
  };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
