import type { JsonValue } from '../events.ts';

/**
 * A key as text; `undefined` where the value identifies nothing: an empty key would gather the
 * rows of many patients under one name.
 */
export function keyText(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}
