import { dayOf, trimFraction, type WrittenTime } from '../calendar.ts';
import { NOT_REAL } from './iso-time.ts';
import { type FieldName, type Part, splitPattern } from './pattern-parts.ts';
import { Refused } from './values.ts';

/** Reads text that is written as a pattern says; where that has no time, at midnight. */
export type PatternReader = (text: string) => WrittenTime | Refused;

/** What must stand beside what, so that nothing of a date or time is guessed. */
const NEEDS: readonly (readonly [FieldName, FieldName])[] = [
  ['minute', 'hour'],
  ['second', 'minute'],
  ['fraction', 'second'],
  ['offset', 'hour'],
];

/**
 * Says what is wrong with a pattern of Unicode (LDML) letters: one that means nothing, one twice,
 * a date or time that would be incomplete, or digits of which nobody could tell whose they are.
 *
 * @returns `undefined` where nothing is.
 */
export function patternFault(pattern: string, type: 'date' | 'datetime'): string | undefined {
  const parts = splitPattern(pattern);
  if (typeof parts === 'string') return parts;
  const fields = parts.flatMap(({ field }) => field ?? []);
  const twice = fields.find((field, index) => fields.indexOf(field) !== index);
  if (twice !== undefined) return `has the ${NAMES[twice]} twice`;

  const wanted: FieldName[] = ['year', 'month', 'day'];
  if (type === 'datetime') wanted.push('hour');
  for (const [field, needed] of NEEDS) if (fields.includes(field)) wanted.push(needed);
  const missing = wanted.find((field) => !fields.includes(field));
  if (missing !== undefined) return `has no ${NAMES[missing]}`;

  const isHalf = parts.some(({ field, written }) => field === 'hour' && written.startsWith('h'));
  if (isHalf !== fields.includes('half')) {
    return 'has one of h and a without the other: write H, or both';
  }
  return adjacentFault(parts);
}

const NAMES: Readonly<Record<FieldName, string>> = {
  year: 'year (yyyy)',
  month: 'month (MM)',
  day: 'day (dd)',
  hour: 'hour (HH)',
  half: 'half of the day (a)',
  minute: 'minute (mm)',
  second: 'second (ss)',
  fraction: 'fraction (S)',
  offset: 'offset (XXX)',
};

/** `dM` could read 111 in two ways. */
function adjacentFault(parts: readonly Part[]): string | undefined {
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1];
    if (part.field === undefined || !part.isOpen || next === undefined) continue;
    const isDigits = next.field === undefined ? /^\d/.test(next.written) : next.isNumber;
    if (isDigits) return `has digits right after ${part.written}, which has no fixed length`;
  }
  return undefined;
}

/** Whether text of this pattern says its offset from UTC. */
export function hasOffset(pattern: string): boolean {
  const parts = splitPattern(pattern);
  return typeof parts !== 'string' && parts.some(({ field }) => field === 'offset');
}

/**
 * Compiles a pattern without a fault. Text has to match as a whole; names of months, AM and PM do
 * in any letter case.
 */
export function compilePattern(pattern: string): PatternReader {
  const parts = splitPattern(pattern);
  if (typeof parts === 'string') throw new TypeError(`The pattern ${parts}.`);
  const refused = new Refused(`must be written as ${pattern}`);
  return (text) => {
    const found = {
      year: 0,
      month: 0,
      day: 0,
      hour: 0,
      half: 0,
      minute: 0,
      second: 0,
      fraction: 0,
      offset: undefined as number | undefined,
    };
    let fraction = '';
    let at = 0;
    for (const part of parts) {
      if (part.field === undefined) {
        if (!text.startsWith(part.written, at)) return refused;
        at += part.written.length;
        continue;
      }
      const match = part.match(text, at);
      if (match === undefined) return refused;
      // Its digits count, not its number: 05 is no 5.
      if (part.field === 'fraction') fraction = trimFraction(text.slice(at, match.end));
      found[part.field] = match.value;
      at = match.end;
    }
    if (at !== text.length) return refused;

    const day = dayOf(found.year, found.month, found.day);
    const hour = found.hour + found.half;
    if (day === undefined || hour > 23 || found.minute > 59 || found.second > 59) return NOT_REAL;
    const second = hour * 3600 + found.minute * 60 + found.second;
    return { day, second, fraction, offset: found.offset };
  };
}
