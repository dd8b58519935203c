import { Buffer } from 'node:buffer';
import * as crypto from 'node:crypto';
import stringify from 'fast-json-stable-stringify';
import { canonicalText } from './canonical.ts';
import type { JsonObject, JsonValue } from './events.ts';
import { MAX_DEPTH, scanJson } from './json-scan.ts';

export { MAX_DEPTH };

/** What {@link parseStrictJson} found. A reason never repeats anything out of the body. */
export type StrictJsonResult =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly reason: string };

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

  const bytes = typeof json === 'string' ? Buffer.from(json) : asBuffer(json);
  const { members, hasEscapes, mayPoison, tooDeepAt, badNumberAt } = scanJson(
    bytes,
    isHeldByDouble,
  );
  if (tooDeepAt !== undefined) {
    return refuse(`The {} nests deeper than ${String(MAX_DEPTH)} levels.`);
  }
  if (badNumberAt !== undefined) {
    const position = bytes.toString('utf8', 0, badNumberAt).length + 1;
    return refuse(
      `The number at character ${String(position)} of the {} has digits that a double ` +
        'cannot hold; send it as a string.',
    );
  }

  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // V8's own message quotes the body, which may be a patient's.
    return refuse('The {} is not valid JSON.');
  }

  // Where something was added to Object.prototype, enumerating an object would count it.
  const isPlain = !hasEscapes && !mayPoison && Object.keys(Object.prototype).length === 0;
  const keys = isPlain ? countKeys(value) : inspect(value, hasEscapes);
  if (typeof keys === 'string') return refuse(keys);
  // JSON.parse keeps one of two equal keys; so the document had more colons than the value has keys.
  if (keys !== members) return refuse('An object in the {} has the same key twice.');
  return { ok: true, value };
}

// In one call, which Node has from 20.12 on, it takes half the time for what is short.
const oneShot = (crypto as Partial<typeof crypto>).hash;

/** SHA-256 over bytes or text (as UTF-8), in hex. */
export function sha256(content: Uint8Array | string): string {
  return oneShot === undefined
    ? crypto.createHash('sha256').update(content).digest('hex')
    : oneShot('sha256', content);
}

/**
 * The digest by which two deliveries with one `event_id` are told apart: SHA-256 over the
 * canonical `{ type, data }`. Key order, white space and the envelope's other members don't count.
 */
export function contentDigest(type: string, data: JsonObject): string {
  return sha256(canonicalText({ type, data }));
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

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

/** Counts the keys of a parsed value. Enumerating takes a third of the time of lists of keys. */
function countKeys(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) count += countKeys(item);
    return count;
  }
  const object = value as JsonObject;
  for (const key in object) count += countKeys(object[key] as JsonValue) + 1;
  return count;
}

/** {@link countKeys} for a value whose text gives reason to look at its keys, and at its strings. */
function inspect(value: JsonValue, hasEscapes: boolean): number | string {
  if (typeof value === 'string') return (hasEscapes ? badString(value) : undefined) ?? 0;
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) {
      const inner = inspect(item, hasEscapes);
      if (typeof inner === 'string') return inner;
      count += inner;
    }
    return count;
  }
  const object = value as JsonObject;
  for (const key of Object.keys(object)) {
    const member = object[key] as JsonValue;
    const bad = hasEscapes ? badString(key) : undefined;
    if (bad !== undefined) return bad;
    if (isPoisoned(key, member)) {
      return 'The {} has a key that is not allowed: __proto__ or constructor.prototype.';
    }
    const inner = inspect(member, hasEscapes);
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
