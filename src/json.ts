import { createHash } from 'node:crypto';
import stringify from 'fast-json-stable-stringify';
import type { JsonObject, JsonValue } from './events.ts';

/** What {@link parseStrictJson} found. A reason never repeats anything out of the body. */
export type StrictJsonResult =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly reason: string };

/** How deep objects and arrays may nest. */
export const MAX_DEPTH = 64;

/**
 * Parses a body as JSON, strictly: what two readers could understand differently, or what could
 * not be stored as it was written, is refused rather than guessed at.
 *
 * Refused are invalid UTF-8, a byte order mark, anything RFC 8259 does not allow, nesting over 64
 * levels, an object with the same key twice, the keys `__proto__` and
 * `constructor.prototype`, a number whose written digits a double cannot hold, U+0000 and lone
 * surrogates in a string. Runs in linear time and without recursion deeper than the limit.
 *
 * @param body - The exact bytes that were received; a string counts as its UTF-8 bytes.
 */
export function parseStrictJson(body: Uint8Array | string): StrictJsonResult {
  return parseJson(body, 'body');
}

/** {@link parseStrictJson} for what is called something else in its reasons. */
export function parseJson(
  json: Uint8Array | string,
  subject: 'body' | 'document',
): StrictJsonResult {
  const refuse = (reason: string): StrictJsonResult => ({
    ok: false,
    reason: reason.replace('{}', subject),
  });
  const text = toText(json);
  if (text === undefined) return refuse('The {} is not valid UTF-8.');
  if (text.startsWith('\ufeff')) return refuse('The {} begins with a byte order mark.');

  const scanned = scan(text);
  if (typeof scanned === 'string') return refuse(scanned);

  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // V8's own message quotes the body, which may be a patient's.
    return refuse('The {} is not valid JSON.');
  }

  const keys = inspect(value, {
    strings: text.includes('\\'),
    poison: text.includes('\\') || text.includes('proto'),
  });
  if (typeof keys === 'string') return refuse(keys);
  // JSON.parse keeps one of two equal keys; so the document had more colons than the value has keys.
  if (keys !== scanned) return refuse('An object in the {} has the same key twice.');
  return { ok: true, value };
}

/** SHA-256 over bytes or text (as UTF-8), in hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * The digest by which two deliveries with one `event_id` are told apart: SHA-256 over the
 * canonical `{ type, data }`. Key order, white space and the envelope's other members don't count.
 */
export function contentDigest(type: string, data: JsonObject): string {
  return canonicalDigest({ type, data });
}

/** SHA-256 over the canonical text of a JSON value, in hex. */
export function canonicalDigest(value: JsonValue): string {
  return sha256(stringify(value));
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** JSON as text; `undefined` where it is not valid UTF-8, or has lone surrogates. */
export function toText(json: Uint8Array | string): string | undefined {
  if (typeof json === 'string') return json.isWellFormed() ? json : undefined;
  try {
    return UTF_8.decode(json);
  } catch {
    return undefined;
  }
}

/**
 * Walks the text before it is parsed: counts the colons outside strings and looks at depth and
 * numbers. Malformed text is JSON.parse's to refuse.
 */
function scan(text: string): number | string {
  let colons = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22 /* " */) {
      i = endOfString(text, i);
      if (i === -1) break;
    } else if (code === 0x3a /* : */) {
      colons++;
    } else if (code === 0x7b /* { */ || code === 0x5b /* [ */) {
      if (++depth > MAX_DEPTH) return `The {} nests deeper than ${String(MAX_DEPTH)} levels.`;
    } else if (code === 0x7d /* } */ || code === 0x5d /* ] */) {
      depth--;
    } else if (isNumberPart(code)) {
      const start = i;
      while (i + 1 < text.length && isNumberPart(text.charCodeAt(i + 1))) i++;
      if (!isHeldByDouble(text.slice(start, i + 1))) {
        return (
          `The number at character ${String(start + 1)} of the {} has digits that a double ` +
          'cannot hold; send it as a string.'
        );
      }
    }
  }
  return colons;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

/** Digits, sign, point and exponent; the letters of `true`, `false` and `null` that match are harmless. */
function isNumberPart(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d /* - */ ||
    code === 0x2e /* . */ ||
    code === 0x2b /* + */ ||
    code === 0x65 /* e */ ||
    code === 0x45 /* E */
  );
}

const JSON_NUMBER = /^-?(\d+)(?:\.(\d+))?([eE][+-]?\d+)?$/;

/** Whether a double, printed with as many digits as were written, shows the digits that were written. */
export function isHeldByDouble(literal: string): boolean {
  // Up to 15 significant digits always survive; only an exponent can still push them out of range.
  if (literal.length <= 15 && !literal.includes('e') && !literal.includes('E')) return true;
  const match = JSON_NUMBER.exec(literal);
  if (match === null) return true;
  const digits = significantDigits((match[1] as string) + (match[2] ?? ''));
  if (digits === '') return true;
  const value = Math.abs(Number(literal));
  if (value === 0 || value === Infinity || digits.length > 101) return false;
  // The zeros at the end of a whole number are digits too: …100 and …128 may be the same double.
  if (match[2] === undefined && match[3] === undefined)
    return BigInt(literal) === BigInt(Number(literal));
  const printed = value.toExponential(digits.length - 1);
  return printed.slice(0, printed.indexOf('e')).replace('.', '') === digits;
}

/** Without the zeros at either end. Loops, because `/0+$/` takes quadratic time on runs of zeros. */
function significantDigits(digits: string): string {
  let start = 0;
  let end = digits.length;
  while (start < end && digits.charCodeAt(start) === 0x30) start++;
  while (end > start && digits.charCodeAt(end - 1) === 0x30) end--;
  return digits.slice(start, end);
}

interface Inspection {
  /** An escape occurs, so strings may hold what the raw text could not. */
  readonly strings: boolean;
  /** A key that must not occur may occur. */
  readonly poison: boolean;
}

/** Counts the keys of a parsed value, and looks at its strings and keys where the text gave reason to. */
function inspect(value: JsonValue, look: Inspection): number | string {
  if (typeof value === 'string') return (look.strings ? badString(value) : undefined) ?? 0;
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) {
      const inner = inspect(item, look);
      if (typeof inner === 'string') return inner;
      count += inner;
    }
    return count;
  }
  const object = value as JsonObject;
  for (const key of Object.keys(object)) {
    const member = object[key] as JsonValue;
    if (look.strings) {
      const bad = badString(key);
      if (bad !== undefined) return bad;
    }
    if (look.poison && isPoisoned(key, member)) {
      return 'The {} has a key that is not allowed: __proto__ or constructor.prototype.';
    }
    const inner = inspect(member, look);
    if (typeof inner === 'string') return inner;
    count += inner + 1;
  }
  return count;
}

function badString(text: string): string | undefined {
  if (text.includes('\0')) return 'A string in the {} holds U+0000.';
  if (!text.isWellFormed()) return 'A string in the {} holds a lone surrogate.';
  return undefined;
}

function isPoisoned(key: string, member: JsonValue): boolean {
  if (key === '__proto__') return true;
  return (
    key === 'constructor' &&
    typeof member === 'object' &&
    member !== null &&
    Object.hasOwn(member, 'prototype')
  );
}
