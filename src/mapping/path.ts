import type { JsonObject, JsonValue } from '../events.ts';

/** Reads one source out of an event's `data`; `undefined` where it is missing. */
export type Reader = (data: JsonObject) => JsonValue | undefined;

/** A compiled source: how to read it, and how to point at it. */
export interface SourcePath {
  readonly read: Reader;
  /** JSON Pointer into `data`. */
  readonly pointer: string;
}

/**
 * Compiles a source as a mapping writes it. Only own properties are read, so `constructor` is a
 * field like any other, and missing where it was not sent. A key that is spelled exactly like the
 * source beats the path it could also be read as.
 */
export function compilePath(source: string): SourcePath {
  const segments = parsePath(source);
  if (segments === undefined || segments.length === 1) {
    return { read: (data) => own(data, source), pointer: `/${escapePointer(source)}` };
  }
  const read: Reader = (data) => {
    const flat = own(data, source);
    if (flat !== undefined) return flat;
    let value: JsonValue | undefined = data;
    for (const segment of segments) {
      value = own(value, segment);
      if (value === undefined) return undefined;
    }
    return value;
  };
  return {
    read,
    pointer: segments.map((segment) => `/${escapePointer(String(segment))}`).join(''),
  };
}

/** Escapes a key for a JSON Pointer (RFC 6901, section 3). */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

const SEGMENT = /(?:^|\.)([^.[\]]+)|\[(\d{1,9})\]/y;

/** `a.b[0]` as `['a', 'b', 0]`; `undefined` where the source has no such form and is a plain key. */
function parsePath(source: string): (string | number)[] | undefined {
  const segments: (string | number)[] = [];
  SEGMENT.lastIndex = 0;
  let end = 0;
  while (end < source.length) {
    const match = SEGMENT.exec(source);
    if (match === null) return undefined;
    segments.push(match[1] ?? Number(match[2]));
    end = SEGMENT.lastIndex;
  }
  return segments;
}

function own(value: JsonValue, key: string | number): JsonValue | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  // A dotted path names members of objects; only `[n]` reaches into a list.
  if (Array.isArray(value) !== (typeof key === 'number')) return undefined;
  return Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined;
}
