import type { JsonValue } from '../events.ts';
import { trimFraction, utcText } from '../calendar.ts';
import { OUT_OF_RANGE } from './iso-time.ts';
import { Refused } from './values.ts';

const NOT_SECONDS = new Refused(
  'must be the seconds since 1970, with 9 digits of a fraction at most',
);
const NOT_MILLIS = new Refused('must be the milliseconds since 1970, without a fraction');

const SECONDS = /^(-?)(0|[1-9]\d*)(?:\.(\d{1,9}))?$/;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;

/**
 * Seconds since 1970, as a number or as text, as a moment in UTC.
 *
 * The digits count as they are written, so a fraction never goes through a double. A number that
 * JavaScript would write with an exponent (0.0000001) is refused.
 */
export function convertEpochSeconds(value: JsonValue): string | Refused {
  if (Number.isSafeInteger(value)) return utcText(value as number, '') ?? OUT_OF_RANGE;
  if (typeof value !== 'string' && typeof value !== 'number') return NOT_SECONDS;
  const match = SECONDS.exec(String(value));
  if (match === null) return NOT_SECONDS;
  const [, sign, whole, fraction = ''] = match;
  const seconds = Number(whole);
  const digits = trimFraction(fraction);
  if (sign !== '-') return utcText(seconds, digits) ?? OUT_OF_RANGE;
  if (digits === '') return utcText(-seconds, '') ?? OUT_OF_RANGE;
  // The text of a moment counts its fraction upwards, before 1970 as well.
  const rest = String(10 ** digits.length - Number(digits)).padStart(digits.length, '0');
  return utcText(-seconds - 1, rest) ?? OUT_OF_RANGE;
}

/** Milliseconds since 1970, as an integer or its digits, as a moment in UTC. */
export function convertEpochMillis(value: JsonValue): string | Refused {
  const isInteger = typeof value === 'string' ? INTEGER.test(value) : Number.isSafeInteger(value);
  if (!isInteger) return NOT_MILLIS;
  const millis = Number(value);
  const second = Math.floor(millis / 1000);
  const fraction = String(millis - second * 1000).padStart(3, '0');
  return utcText(second, trimFraction(fraction)) ?? OUT_OF_RANGE;
}
