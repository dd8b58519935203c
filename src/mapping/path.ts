import type { JsonObject, JsonValue } from '../events.ts';

/** Reads one source out of an event's `data`, which is an object; `undefined` where it is missing. */
export type Reader = (data: JsonObject) => JsonValue | undefined;

/** A compiled source: how to read it, and how to point at it. */
export interface SourcePath {
  /** As the mapping writes it. */
  readonly source: string;
  /** `a.b[0]` as `['a', 'b', 0]`; one segment, the source itself, where it is a plain key. */
  readonly segments: readonly (string | number)[];
  readonly read: Reader;
  /** It looks like a path and is none: `a..b`, `a[x].b`. */
  readonly isOdd: boolean;
  /** JSON Pointer into `data`, where no key is spelled like the whole path. */
  readonly pointer: string;
}

/**
 * Compiles a source as a mapping writes it. Only own properties are read, so `constructor` is a
 * field like any other, and missing where it was not sent. A key that is spelled exactly like the
 * source beats the path it could also be read as.
 */
export function compilePath(source: string): SourcePath {
  const path = parsePath(source);
  const segments = path ?? [source];
  return {
    isOdd: path === undefined && /[.[\]]/.test(source),
    source,
    segments,
    read: compileReader(source, segments),
    pointer: segments.map((segment) => `/${escapePointer(String(segment))}`).join(''),
  };
}

function compileReader(source: string, segments: readonly (string | number)[]): Reader {
  if (segments.length === 1 && segments[0] === source) {
    return (data) => (Object.hasOwn(data, source) ? data[source] : undefined);
  }
  return (data) => {
    const flat = own(data, source);
    return flat === undefined ? follow(data, segments) : flat;
  };
}

function follow(data: JsonObject, segments: readonly (string | number)[]): JsonValue | undefined {
  let value: JsonValue | undefined = data;
  for (const segment of segments) {
    value = own(value, segment);
    if (value === undefined) return undefined;
  }
  return value;
}

/** Whether a path leads somewhere that is not read, because a key is spelled like the whole path. */
export function isShadowed({ source, segments }: SourcePath, data: JsonObject): boolean {
  if (segments.length === 1 || own(data, source) === undefined) return false;
  return follow(data, segments) !== undefined;
}

/** Where a source was found in an event's `data`. */
export function pointerIn(path: SourcePath, data: JsonObject): string {
  return own(data, path.source) === undefined ? path.pointer : `/${escapePointer(path.source)}`;
}

/** The longest JSON Pointer that is shown, in UTF-16 code units. */
export const MAX_POINTER = 256;

/** Control and format characters: in a log they would look like something else. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/**
 * A JSON Pointer made of keys out of an event's `data`, or the nearest place above it that can be
 * shown: a key may be as long as a body, or forge a log.
 */
export function showable(pointer: string): string {
  if (isShowable(pointer)) return pointer;
  let shown = '';
  for (const segment of pointer.split('/').slice(1)) {
    if (!isShowable(`${shown}/${segment}`)) break;
    shown += `/${segment}`;
  }
  return shown;
}

function isShowable(pointer: string): boolean {
  return pointer.length <= MAX_POINTER && !INVISIBLE.test(pointer);
}

/** Escapes a key for a JSON Pointer (RFC 6901, section 3). */
export function escapePointer(key: string): string {
  return /[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key;
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
