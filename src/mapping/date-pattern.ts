import type { Written } from './calendar.ts';
import { readOffset } from './iso.ts';

/** Reads a text by a pattern; `false` where it has another form. */
export type PatternReader = (text: string, into: Written) => boolean;

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

type Part =
  'year' | 'month' | 'day' | 'hour' | 'half' | 'minute' | 'second' | 'fraction' | 'offset';

interface Field {
  readonly part: Part;
  readonly expression: string;
  /** It may be one digit or two, so a digit must not follow. */
  readonly isOpen?: boolean;
  readonly read: (text: string, into: Written) => void;
}

function number(
  part: 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second',
  width: 1 | 2 | 4,
): Field {
  return {
    part,
    expression: width === 1 ? '(\\d{1,2})' : `(\\d{${String(width)}})`,
    isOpen: width === 1,
    read(text, into) {
      into[part] = Number(text);
    },
  };
}

function monthName(length: 3 | undefined): Field {
  const names = MONTHS.map((name) => name.slice(0, length));
  return {
    part: 'month',
    expression: `(${names.join('|')})`,
    read(text, into) {
      into.month = names.indexOf(text.toLowerCase()) + 1;
    },
  };
}

function offset(expression: string): Field {
  return {
    part: 'offset',
    expression: `(${expression})`,
    read(text, into) {
      into.offset = readOffset(text, 0);
    },
  };
}

const SHORT = '[+-]\\d\\d(?:\\d\\d)?';
const BASIC = '[+-]\\d{4}';
const EXTENDED = '[+-]\\d\\d:\\d\\d';

/** What the letters of a pattern stand for: those of Unicode's LDML that Java and .NET share. */
const FIELDS: Readonly<Record<string, Field>> = {
  yyyy: number('year', 4),
  MM: number('month', 2),
  M: number('month', 1),
  MMM: monthName(3),
  MMMM: monthName(undefined),
  dd: number('day', 2),
  d: number('day', 1),
  HH: number('hour', 2),
  H: number('hour', 1),
  hh: number('hour', 2),
  h: number('hour', 1),
  a: {
    part: 'half',
    expression: '([ap]m)',
    read(text, into) {
      // An hour that no clock of twelve hours shows becomes one that no day has.
      if (into.hour < 1 || into.hour > 12) into.hour = 99;
      else into.hour = (into.hour % 12) + (text.toLowerCase() === 'pm' ? 12 : 0);
    },
  },
  mm: number('minute', 2),
  ss: number('second', 2),
  X: offset(`z|${SHORT}`),
  XX: offset(`z|${BASIC}`),
  XXX: offset(`z|${EXTENDED}`),
  x: offset(SHORT),
  xx: offset(BASIC),
  xxx: offset(EXTENDED),
};

/** `yyyy`, `'text'`, `''`, or one other character. */
const TOKEN = /([A-Za-z])\1*|''|'(?:[^']|'')+'|[^']/gu;

interface Pattern {
  readonly expression: string;
  readonly fields: readonly Field[];
  readonly letters: readonly string[];
}

/** A pattern, taken apart; a text where it is none, which says why. */
function parse(pattern: string): Pattern | string {
  const tokens = pattern.match(TOKEN) ?? [];
  if (tokens.join('') !== pattern) return "has a ' that is not closed";
  const fields: Field[] = [];
  const letters: string[] = [];
  let expression = '';
  let open: string | undefined;
  for (const token of tokens) {
    const field = /^S{1,9}$/.test(token)
      ? fraction(token.length)
      : Object.hasOwn(FIELDS, token)
        ? FIELDS[token]
        : undefined;
    if (field === undefined) {
      if (/^[A-Za-z]/.test(token)) return letterFault(token);
      const text = token === "''" ? "'" : token.replace(/^'|'$/g, '').replaceAll("''", "'");
      if (open !== undefined && /^\d/.test(text)) return runFault(open);
      open = undefined;
      expression += text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
      continue;
    }
    const isDigits = field.expression.startsWith('(\\d');
    if (open !== undefined && isDigits) return runFault(open);
    if (fields.some(({ part }) => part === field.part)) return `has the ${field.part} twice`;
    open = field.isOpen === true ? token : undefined;
    fields.push(field);
    letters.push(token);
    expression += field.expression;
  }
  return { expression, fields, letters };
}

function fraction(width: number): Field {
  return {
    part: 'fraction',
    expression: `(\\d{${String(width)}})`,
    read(text, into) {
      into.fraction = text;
    },
  };
}

function letterFault(token: string): string {
  if (/^y/i.test(token))
    return `has ${token}: a year is yyyy, because fewer digits name no century`;
  return `has ${token}, which stands for nothing; text stands in '…'`;
}

function runFault(open: string): string {
  return `has ${open} before a digit, so nobody could tell where it ends; write ${open}${open}`;
}

/** Why a pattern cannot be; `undefined` where it can. */
export function patternFault(pattern: string, type: 'date' | 'datetime'): string | undefined {
  const parsed = parse(pattern);
  if (typeof parsed === 'string') return parsed;
  const has = (part: Part): boolean => parsed.fields.some((field) => field.part === part);
  const needed: readonly Part[] =
    type === 'date' ? ['year', 'month', 'day'] : ['year', 'month', 'day', 'hour'];
  const missing = needed.filter((part) => !has(part));
  if (missing.length > 0) {
    return `is iso, epoch-seconds, epoch-millis, or a pattern such as dd/MM/yyyy HH:mm, and lacks the ${missing.join(', ')}`;
  }
  if (has('half') !== parsed.letters.some((letters) => letters.startsWith('h'))) {
    return 'has h without a, or a without h: an hour of twelve needs AM or PM';
  }
  if (has('second') && !has('minute')) return 'has seconds without minutes';
  return has('fraction') && !has('second') ? 'has a fraction without seconds' : undefined;
}

/** Whether a pattern has an offset. */
export function hasOffset(pattern: string): boolean {
  const parsed = parse(pattern);
  return typeof parsed !== 'string' && parsed.fields.some(({ part }) => part === 'offset');
}

/** Compiles a pattern that has no fault. */
export function compilePattern(pattern: string): PatternReader {
  const parsed = parse(pattern);
  if (typeof parsed === 'string') return () => false;
  // No field can take what the next one needs, so the time is linear.
  const expression = new RegExp(`^${parsed.expression}$`, 'i');
  // AM and PM change the hour, so they come last.
  const readers = parsed.fields
    .map((field, index) => ({ field, group: index + 1 }))
    .sort((a, b) => Number(a.field.part === 'half') - Number(b.field.part === 'half'));
  return (text, into) => {
    const match = expression.exec(text);
    if (match === null) return false;
    into.hour = into.minute = into.second = 0;
    into.fraction = '';
    into.offset = NaN;
    for (const { field, group } of readers) field.read(match[group] as string, into);
    return into.offset !== Infinity;
  };
}
