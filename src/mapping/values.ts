import type { JsonObject, JsonValue } from '../events.ts';

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

/** A document that was parsed by something else than a JSON parser may hold anything. */
export function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  return isPlain && Object.values(value).every(isJson);
}

/** Why a step takes no value; a class of its own, so that no JSON value can be mistaken for one. */
export class Refused {
  /** What the value must be. It never repeats the value. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
