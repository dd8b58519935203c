import type { Buffer } from 'node:buffer';

/** How deep objects and arrays may nest. */
export const MAX_DEPTH = 64;

/** What {@link scanJson} saw on its way through a text. */
export interface JsonScan {
  /** Colons outside strings: as many as a well-formed text has members. */
  members: number;
  /** A string may hold U+0000, half of a surrogate pair or a key's letters that the bytes do not show. */
  hasEscapes: boolean;
  /** A string may be a key that is not allowed. */
  mayPoison: boolean;
  /** What is refused at first sight: where it begins, in bytes. */
  tooDeepAt: number | undefined;
  badNumberAt: number | undefined;
}

/** How much of a string is looked through before its end is searched for. */
const SHORT = 64;

/**
 * Walks JSON before it is parsed, once, and over its bytes: those of a typed array are read faster
 * than the characters of a string. Malformed text is JSON.parse's to refuse.
 *
 * @param bytes - Valid UTF-8, where no byte of another character looks like one of JSON's own.
 * @param isHeld - Whether a number is what its digits say. It is not asked about those of up to 15
 *   characters without an exponent, which a double always holds.
 */
export function scanJson(bytes: Buffer, isHeld: (literal: string) => boolean): JsonScan {
  const { length } = bytes;
  const found: JsonScan = {
    members: 0,
    hasEscapes: false,
    mayPoison: false,
    tooDeepAt: undefined,
    badNumberAt: undefined,
  };
  let members = 0;
  let depth = 0;
  let hasBackslash: boolean | undefined;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x22 /* " */) {
      const start = i + 1;
      if (mayBePoison(bytes, start)) found.mayPoison = true;
      for (i = start; i < length && bytes[i] !== 0x22; i++) {
        if (bytes[i] === 0x5c /* \ */) {
          if (mayHide(bytes, i)) found.hasEscapes = true;
          i++;
        } else if (i - start === SHORT && !(hasBackslash ??= bytes.includes(0x5c))) {
          i = bytes.indexOf(0x22, i) - 1;
          // A string without an end.
          if (i < 0) return found;
        }
      }
    } else if (byte === 0x3a /* : */) {
      members++;
    } else if (byte === 0x7b /* { */ || byte === 0x5b /* [ */) {
      if (++depth > MAX_DEPTH) {
        found.tooDeepAt = i;
        return found;
      }
    } else if (byte === 0x7d /* } */ || byte === 0x5d /* ] */) {
      depth--;
    } else if (isDigit(byte) || byte === 0x2d /* - */) {
      const start = i;
      let hasExponent = false;
      for (; i + 1 < length && isNumberPart(bytes[i + 1] as number); i++) {
        // The bit that tells e from E.
        if (((bytes[i + 1] as number) | 0x20) === 0x65) hasExponent = true;
      }
      const isLong = i - start >= 15;
      if ((isLong || hasExponent) && !isHeld(bytes.toString('latin1', start, i + 1))) {
        found.badNumberAt = start;
        return found;
      }
    }
  }
  found.members = members;
  return found;
}

/**
 * Whether an escape may stand for U+0000, an ASCII letter or half of a surrogate pair. Most do not:
 * quotes, line breaks, and the letters of other languages as some serializers write them.
 */
function mayHide(bytes: Uint8Array, backslash: number): boolean {
  if (bytes[backslash + 1] !== 0x75 /* u */) return false;
  const first = bytes[backslash + 2] as number;
  if ((first | 0x20) === 0x64 /* d */) return true;
  const isLatin1 = first === 0x30 && bytes[backslash + 3] === 0x30;
  return isLatin1 && (bytes[backslash + 4] as number) < 0x38;
}

/** Whether the string that begins here has the length of `__proto__` or `constructor`, and their letters at both ends. */
function mayBePoison(bytes: Uint8Array, start: number): boolean {
  const first = bytes[start];
  return (
    (first === 0x5f /* _ */ && bytes[start + 8] === 0x5f && bytes[start + 9] === 0x22) ||
    (first === 0x63 /* c */ && bytes[start + 10] === 0x72 /* r */ && bytes[start + 11] === 0x22)
  );
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Digits, sign, point and exponent. */
function isNumberPart(byte: number): boolean {
  return (
    isDigit(byte) ||
    byte === 0x2e /* . */ ||
    (byte | 0x20) === 0x65 /* e, E */ ||
    byte === 0x2d /* - */ ||
    byte === 0x2b /* + */
  );
}
