import { isDigit, twoDigits } from '../digits.ts';
import { MAX_FRACTION_DIGITS, offsetSeconds } from './iso-time.ts';

/** What the letters of a pattern can say. The hour is one of 24, or of 12 with `half` beside it. */
export type FieldName =
  'year' | 'month' | 'day' | 'hour' | 'half' | 'minute' | 'second' | 'fraction' | 'offset';

/** What letters found in a text: the number it stands for, and where it ends. */
interface Match {
  readonly value: number;
  readonly end: number;
}

type Matcher = (text: string, at: number) => Match | undefined;

/** What a run of letters means. */
interface Letters {
  readonly field: FieldName;
  readonly match: Matcher;
  /** Whether it begins with a digit. */
  readonly isNumber: boolean;
  /** Whether digits after it could be taken for its own. */
  readonly isOpen: boolean;
}

/** A piece of a pattern: letters that stand for something, or text that stands for itself. */
export type Part =
  | (Letters & { readonly written: string })
  | { readonly field: undefined; readonly written: string };

/** January to December, as in the locale `en`. */
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

const LETTERS: ReadonlyMap<string, Letters> = new Map([
  ['yyyy', number('year', 4)],
  ['MM', number('month', 2)],
  ['M', number('month', 1, 2)],
  [
    'MMM',
    name(
      'month',
      MONTHS.map((month) => month.slice(0, 3)),
    ),
  ],
  ['MMMM', name('month', MONTHS)],
  ['dd', number('day', 2)],
  ['d', number('day', 1, 2)],
  ['HH', number('hour', 2)],
  ['H', number('hour', 1, 2)],
  ['hh', hourOfHalf(2)],
  ['h', hourOfHalf(1)],
  ['a', name('half', ['am', 'pm'])],
  ['mm', number('minute', 2)],
  ['ss', number('second', 2)],
  ...Array.from({ length: MAX_FRACTION_DIGITS }, (_, n): [string, Letters] => [
    'S'.repeat(n + 1),
    number('fraction', n + 1),
  ]),
  ...['X', 'x'].flatMap((letter): [string, Letters][] => [
    [letter, offset(letter === 'X', 'open')],
    [letter.repeat(2), offset(letter === 'X', 'basic')],
    [letter.repeat(3), offset(letter === 'X', 'colon')],
  ]),
]);

/**
 * Takes a pattern apart. A run of one letter is one part; text in `'…'` stands for itself, and `''`
 * for a quote, in and outside such text; so does everything that is no letter from A to Z.
 *
 * @returns What is wrong, where letters mean nothing or a quote is not closed.
 */
export function splitPattern(pattern: string): readonly Part[] | string {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length;) {
    const [written = '', letters] = PIECE.exec(pattern.slice(at)) ?? [];
    if (written === '') return 'has a quote that is not closed';
    if (letters === undefined) {
      parts.push({ field: undefined, written: literal(written) });
    } else {
      const known = LETTERS.get(written);
      if (known === undefined) return lettersFault(written);
      parts.push({ ...known, written });
    }
    at += written.length;
  }
  return parts;
}

/** Letters of one kind, a pair of quotes, text in quotes, or whatever stands for itself. */
const PIECE = /^(?:(([A-Za-z])\2*)|''|'(?:[^']|'')+'(?!')|[^A-Za-z'])/;

/** What a piece without letters stands for. */
function literal(written: string): string {
  if (written === "''") return "'";
  return written.startsWith("'") ? written.slice(1, -1).replaceAll("''", "'") : written;
}

function lettersFault(written: string): string {
  if (written === 'yy') return 'has "yy": two digits have no century, write yyyy';
  const letter = written.charAt(0);
  const known = [...LETTERS.keys()].filter((letters) => letters.startsWith(letter));
  return known.length === 0
    ? `has "${written}", which means nothing; text stands in quotes ('${written}')`
    : `has "${written}"; what is known is ${known.join(', ')}`;
}

/** Digits: as many as `least`, or up to `most`. */
function number(field: FieldName, least: number, most: number = least): Letters {
  const match: Matcher = (text, at) => {
    let value = 0;
    let end = at;
    for (; end < at + most && isDigit(text, end); end++) {
      value = value * 10 + text.charCodeAt(end) - 0x30;
    }
    return end - at < least ? undefined : { value, end };
  };
  return { field, match, isNumber: true, isOpen: most > least };
}

/** 1 to 12, where 12 is the first hour of its half. */
function hourOfHalf(least: 1 | 2): Letters {
  const letters = number('hour', least, 2);
  const match: Matcher = (text, at) => {
    const found = letters.match(text, at);
    if (found === undefined || found.value < 1 || found.value > 12) return undefined;
    return { value: found.value % 12, end: found.end };
  };
  return { ...letters, match };
}

/** One of some names, in any letter case; none of them begins another. */
function name(field: 'month' | 'half', names: readonly string[]): Letters {
  const match: Matcher = (text, at) => {
    const index = names.findIndex(
      (each) => text.slice(at, at + each.length).toLowerCase() === each,
    );
    if (index === -1) return undefined;
    // Months count from 1; the second half of a day begins 12 hours after the first.
    const value = field === 'month' ? index + 1 : index * 12;
    return { value, end: at + (names[index] ?? '').length };
  };
  return { field, match, isNumber: false, isOpen: false };
}

/** `±HHmm` (basic), `±HH:mm` (colon), or `±HH` and `±HHmm` (open); and `Z` where it is allowed. */
function offset(allowsZ: boolean, form: 'open' | 'basic' | 'colon'): Letters {
  const match: Matcher = (text, at) => {
    if (allowsZ && text.charAt(at) === 'Z') return { value: 0, end: at + 1 };
    const hasMinutes = form !== 'open' || isDigit(text, at + 3);
    const minutesAt = form === 'colon' ? at + 4 : at + 3;
    if (form === 'colon' && text.charAt(at + 3) !== ':') return undefined;
    const minutes = hasMinutes ? twoDigits(text, minutesAt) : 0;
    const value = offsetSeconds(text.charCodeAt(at), twoDigits(text, at + 1), minutes);
    if (value === undefined) return undefined;
    return { value, end: hasMinutes ? minutesAt + 2 : at + 3 };
  };
  return { field: 'offset', match, isNumber: false, isOpen: form === 'open' };
}
