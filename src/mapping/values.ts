import type { JsonObject, JsonValue } from '../events.ts';
import { MAX_DEPTH } from '../json.ts';

/**
 * A key as text; `undefined` where the value identifies nothing: an empty key would gather the
 * rows of many patients under one name.
 */
export function keyText(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}

/** A JSON object, and no list. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string, a number JSON has a word for, true, false or null. */
export function isScalar(value: unknown): value is string | number | boolean | null {
  if (typeof value === 'number') return Number.isFinite(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

/**
 * Whether a value is JSON. What was parsed by something else than a JSON parser, or made by a
 * function of the host's, may be anything, circular too; so the depth is that of a body.
 */
export function isJson(value: unknown, depth: number = MAX_DEPTH): value is JsonValue {
  if (isScalar(value)) return true;
  if (typeof value !== 'object' || depth === 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return listOf(value).every((item) => isJson(item, depth - 1));
  const isPlain = prototype === Object.prototype || prototype === null;
  return isPlain && Object.values(value).every((member) => isJson(member, depth - 1));
}

/** The items of a list, with `undefined` where it has holes; none where it is no list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? [...(value as readonly unknown[])] : [];
}

/** Why a step takes no value; a class of its own, so that no JSON value can be mistaken for one. */
export class Refused {
  /** What the value must be. It never repeats the value. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
