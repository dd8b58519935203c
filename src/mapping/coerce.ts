import type { JsonValue } from '../events.ts';
import { isHeldByDouble } from '../json.ts';
import type { FieldType } from './document.ts';
import { Refused } from './values.ts';

/** The types that need nothing but the value; a date and a date-time also need a format. */
export type PlainType = Exclude<FieldType, 'date' | 'datetime'>;

const REFUSED = {
  string: new Refused('must be a string, or an integer below 2^53'),
  integer: new Refused('must be an integer below 2^53, as a number or in plain digits'),
  number: new Refused('must be a number that a double can hold, or the digits of one'),
  decimal: new Refused('must be a decimal in plain digits, or a number'),
  boolean: new Refused('must be true or false'),
} as const;

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Turns a value into a type, strictly: nothing is guessed, and nothing of what was written is lost.
 * Digits with zeros before them are an identifier and no number.
 */
export const COERCE: Readonly<Record<PlainType, (value: JsonValue) => JsonValue | Refused>> = {
  string(value) {
    if (typeof value === 'string') return value;
    return typeof value === 'number' && Number.isSafeInteger(value)
      ? digits(value)
      : REFUSED.string;
  },
  integer(value) {
    const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : value;
    // Adding zero makes 0 of -0, which no database keeps apart.
    return typeof number === 'number' && Number.isSafeInteger(number)
      ? number + 0
      : REFUSED.integer;
  },
  number(value) {
    if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : REFUSED.number;
    return typeof value === 'string' && NUMBER.test(value) && isHeldByDouble(value)
      ? Number(value) + 0
      : REFUSED.number;
  },
  decimal(value) {
    if (typeof value === 'string') return DECIMAL.test(value) ? value : REFUSED.decimal;
    return typeof value === 'number' && Number.isFinite(value) ? digits(value) : REFUSED.decimal;
  },
  boolean(value) {
    if (typeof value === 'boolean') return value;
    if (value === 'true') return true;
    return value === 'false' ? false : REFUSED.boolean;
  },
  json: (value) => value,
};

/** A number in plain digits: what JavaScript prints, without an exponent. */
function digits(value: number): string {
  const text = String(value + 0);
  const exponentAt = text.indexOf('e');
  if (exponentAt === -1) return text;
  const exponent = Number(text.slice(exponentAt + 1));
  const sign = value < 0 ? '-' : '';
  const [whole = '', fraction = ''] = text.slice(sign.length, exponentAt).split('.');
  return exponent < 0
    ? `${sign}0.${'0'.repeat(-exponent - 1)}${whole}${fraction}`
    : `${sign}${whole}${fraction.padEnd(exponent, '0')}`;
}
