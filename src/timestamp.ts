/** A point in time read from RFC 3339. */
export interface Timestamp {
  /** UTC with nine fractional digits, so that two of them compare as text. */
  readonly utc: string;
  /** Milliseconds since 1970, fractions dropped. */
  readonly epochMillis: number;
}

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Reads an RFC 3339 date-time with its offset (section 5.6 of the RFC). Digits beyond the ninth
 * are dropped. A leap second is accepted where UTC can have one (23:59:60).
 *
 * @returns `undefined` where the text is no such date-time, or names no real day or hour.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || offsetHours > 23 || offsetMinutes > 59) {
    return undefined;
  }

  const offset = (offsetHours * 60 + offsetMinutes) * (match[8] === '-' ? -1 : 1);
  // The minute is computed apart from its seconds, so that a leap second stays one.
  const utc = new Date(0);
  utc.setUTCFullYear(year, month - 1, day);
  utc.setUTCHours(hour, minute - offset);
  const utcYear = utc.getUTCFullYear();
  if (utcYear < 0 || utcYear > 9999) return undefined;
  const minuteText = utc.toISOString().slice(0, 17);
  if (second === 60 && !minuteText.endsWith('T23:59:')) return undefined;

  const fraction = (match[7] ?? '').slice(0, 9).padEnd(9, '0');
  return {
    utc: `${minuteText}${match[6] as string}.${fraction}Z`,
    epochMillis: utc.getTime() + second * 1000 + Number(fraction.slice(0, 3)),
  };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
