/**
 * A date and a time of day as they were written; filled by whoever reads a text. `offset` is in
 * seconds, and NaN where none was written. `fraction` are the digits of the second's fraction.
 */
export interface Written {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  fraction: string;
  offset: number;
}

/** Makes something to read into. */
export function nothingWritten(): Written {
  return { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, fraction: '', offset: NaN };
}

/** Whether there is such a day, and such a time of day. */
export function isReal({ year, month, day, hour, minute, second }: Written): boolean {
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    (day <= 28 || day <= daysInMonth(year, month)) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59
  );
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Seconds since 1970, as if what was written were UTC. */
export function localSeconds(written: Written): number {
  const { year, month, day, hour, minute, second } = written;
  return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** Days in the proleptic Gregorian calendar; a year begins in March here, so that leap days end it. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The first second of the year 0000, and the first after 9999. */
const FIRST = daysSince1970(0, 1, 1) * 86_400;
const END = daysSince1970(10_000, 1, 1) * 86_400;

const TWO_DIGITS: readonly string[] = Array.from({ length: 60 }, (_, number) =>
  String(number).padStart(2, '0'),
);

/** Events come in the order of time, so the day is mostly the one before. */
let lastDay = NaN;
let lastDayText = '';

/**
 * A moment as `Temporal.Instant` prints it: UTC, with a fraction only where there is one.
 *
 * @param seconds - Since 1970, whole.
 * @param fraction - The digits of the fraction, nine at most.
 * @returns `undefined` outside the years 0000 to 9999.
 */
export function formatUtc(seconds: number, fraction: string): string | undefined {
  if (!(seconds >= FIRST && seconds < END)) return undefined;
  const day = Math.floor(seconds / 86_400);
  if (day !== lastDay) {
    lastDayText = formatDay(day);
    lastDay = day;
  }
  const time = seconds - day * 86_400;
  const hour = TWO_DIGITS[(time / 3600) | 0] as string;
  const minute = TWO_DIGITS[((time % 3600) / 60) | 0] as string;
  const second = TWO_DIGITS[time % 60] as string;
  return `${lastDayText}T${hour}:${minute}:${second}${formatFraction(fraction)}Z`;
}

function formatFraction(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end--;
  return end === 0 ? '' : `.${digits.slice(0, end)}`;
}

/** `YYYY-MM-DD` of a day since 1970. */
function formatDay(day: number): string {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return formatDate({
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  });
}

/** `YYYY-MM-DD`. */
export function formatDate({ year, month, day }: Pick<Written, 'year' | 'month' | 'day'>): string {
  return `${String(year).padStart(4, '0')}-${TWO_DIGITS[month] as string}-${TWO_DIGITS[day] as string}`;
}
