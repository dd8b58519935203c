import stringify from 'fast-json-stable-stringify';
import type { JsonValue } from './events.ts';

/** Up to so many keys, insertion is the faster sort. */
const FEW = 16;

/**
 * The text of `fast-json-stable-stringify`, byte for byte, in a third of its time: a copy is made
 * with its keys in order, which V8 then writes.
 *
 * @param value - As `JSON.parse` gives it: no `toJSON`, no cycle, nothing that JSON has no word for.
 */
export function canonicalText(value: JsonValue): string {
  const sorted = inOrder(value);
  return sorted === undefined ? stringify(value) : JSON.stringify(sorted);
}

/** A copy whose keys are in order; `undefined` where an object would not keep them so. */
function inOrder(value: JsonValue): JsonValue | undefined {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const list = new Array<JsonValue>(value.length);
    for (let i = 0; i < value.length; i++) {
      const item = inOrder((value as readonly JsonValue[])[i] as JsonValue);
      if (item === undefined) return undefined;
      list[i] = item;
    }
    return list;
  }
  const object = value as Readonly<Record<string, JsonValue>>;
  const copy: Record<string, JsonValue> = {};
  for (const key of sort(Object.keys(object))) {
    // Whole numbers come first in every object, by their size.
    if (isDigit(key.charCodeAt(0)) || key === '__proto__') return undefined;
    const member = inOrder(object[key] as JsonValue);
    if (member === undefined) return undefined;
    copy[key] = member;
  }
  return copy;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Sorts keys as `sort()` does, in place. */
function sort(keys: string[]): string[] {
  if (keys.length > FEW) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}
