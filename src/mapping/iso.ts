import type { Written } from './calendar.ts';

/** What a text turned out to be. */
export type IsoKind = 'date' | 'datetime' | undefined;

const DASH = 0x2d;
const COLON = 0x3a;
const ZERO = 0x30;

/**
 * Reads `YYYY-MM-DD` and `YYYY-MM-DD(T| )HH:mm[:ss[(.|,)f]][Z|±HH[[:]mm]]`, up to nine digits of a
 * fraction: ISO 8601 as RFC 3339 narrows it, and what databases and drivers print. By character
 * codes, because this is where most of the time of a mapping goes. Whether there is such a day is
 * not looked at.
 *
 * @returns What it was; `undefined` where the text has no such form.
 */
export function readIso(text: string, into: Written): IsoKind {
  const { length } = text;
  if (length < 10 || text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH) return undefined;
  into.year = digits2(text, 0) * 100 + digits2(text, 2);
  into.month = digits2(text, 5);
  into.day = digits2(text, 8);
  // Minus a million where a character was no digit; no sum of the others makes up for that.
  if (into.year < 0 || into.month < 0 || into.day < 0) return undefined;
  if (length === 10) return 'date';

  const separator = text.charCodeAt(10) | 0x20;
  if ((separator !== 0x74 /* t */ && text.charCodeAt(10) !== 0x20) || length < 16) return undefined;
  if (text.charCodeAt(13) !== COLON) return undefined;
  into.hour = digits2(text, 11);
  into.minute = digits2(text, 14);
  into.second = 0;
  into.fraction = '';
  let end = 16;
  if (text.charCodeAt(16) === COLON) {
    into.second = digits2(text, 17);
    end = 19;
    const mark = text.charCodeAt(19);
    if (mark === 0x2e /* . */ || mark === 0x2c /* , */) {
      end = 20;
      while (end < length && isDigit(text.charCodeAt(end))) end++;
      if (end === 20 || end > 29) return undefined;
      into.fraction = text.slice(20, end);
    }
  }
  if (into.hour < 0 || into.minute < 0 || into.second < 0) return undefined;
  into.offset = readOffset(text, end);
  return into.offset === Infinity ? undefined : 'datetime';
}

/**
 * Reads what is left of a text as an offset, in seconds; NaN where nothing is left, Infinity where
 * it is something else.
 */
export function readOffset(text: string, start: number): number {
  const left = text.length - start;
  if (left === 0) return NaN;
  const sign = text.charCodeAt(start);
  if (left === 1) return (sign | 0x20) === 0x7a /* z */ ? 0 : Infinity;
  if (sign !== 0x2b /* + */ && sign !== DASH) return Infinity;
  const hours = digits2(text, start + 1);
  const minutesAt = text.charCodeAt(start + 3) === COLON ? start + 4 : start + 3;
  const minutes = left === 3 ? 0 : digits2(text, minutesAt);
  if (left !== 3 && text.length !== minutesAt + 2) return Infinity;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Infinity;
  const seconds = hours * 3600 + minutes * 60;
  return sign === DASH ? -seconds : seconds;
}

/** Two digits as a number; far below zero where they are none. */
function digits2(text: string, at: number): number {
  const tens = text.charCodeAt(at);
  const ones = text.charCodeAt(at + 1);
  return isDigit(tens) && isDigit(ones) ? (tens - ZERO) * 10 + (ones - ZERO) : -1_000_000;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}
