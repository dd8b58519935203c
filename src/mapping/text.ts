import type { Fault } from '../errors.ts';
import type { JsonValue } from '../events.ts';
import { isHeldByDouble, MAX_DEPTH, parseJson, toText } from '../json.ts';
import { type Position, walkJson } from './json-walk.ts';

/** What was found in a document that was given as text. */
export type DocumentText =
  | { readonly ok: true; readonly value: JsonValue; readonly text: string }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * Parses a document. Where it can be parsed nothing is looked at twice: a position is found by
 * {@link locate}, once there is something to point at.
 */
export function readDocumentText(document: string | Uint8Array): DocumentText {
  const parsed = parseJson(document, 'document');
  const text = toText(document);
  if (parsed.ok) return { ok: true, value: parsed.value, text: text as string };
  const isName = typeof document === 'string' && !/[{[\n]/.test(document);
  const faults = text === undefined || isName ? [] : findFaults(text);
  if (faults.length > 0) return { ok: false, faults };
  const hint = isName ? ' If this is the name of a file, pass what the file holds.' : '';
  return { ok: false, faults: [{ path: '', message: parsed.reason + hint }] };
}

/**
 * Adds to faults where they stand, and puts them in the order of the text. One about a member that
 * is missing stands at the object that misses it.
 */
export function locate(text: string, faults: readonly Fault[]): readonly Fault[] {
  if (faults.length === 0) return faults;
  const positions = findPositions(
    text,
    faults.map(({ path }) => path),
  );
  return faults
    .map((fault) => ({ ...fault, ...positions.get(fault.path) }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** Where JSON Pointers lead in a text; what is missing stands where the object stands that misses it. */
export function findPositions(
  text: string,
  pointers: readonly string[],
): ReadonlyMap<string, Position> {
  const wanted = new Set(pointers.flatMap(withAncestors));
  const found = new Map<string, Position>();
  walkJson(text, {
    onPlace(pointer, position) {
      if (wanted.has(pointer)) found.set(pointer, position);
    },
  });
  return new Map(
    pointers.flatMap((pointer) => {
      const ancestor = withAncestors(pointer).find((place) => found.has(place));
      return ancestor === undefined ? [] : [[pointer, found.get(ancestor) as Position]];
    }),
  );
}

/** A pointer, its parent, and so on up to the document. */
function withAncestors(pointer: string): string[] {
  const all = [pointer];
  for (let end = pointer.lastIndexOf('/'); end !== -1; end = pointer.lastIndexOf('/', end - 1)) {
    all.push(pointer.slice(0, end));
    if (end === 0) break;
  }
  return all;
}

/** Everything for which {@link parseJson} refuses a document, with its position. */
function findFaults(text: string): readonly Fault[] {
  if (text.startsWith('\ufeff')) {
    return [{ path: '', message: 'begins with a byte order mark', line: 1, column: 1 }];
  }
  const faults: Fault[] = [];
  const brokenLines = new Set<number>();
  walkJson(text, {
    onError(message, { line, column }) {
      // What follows an error on its line is mostly an echo of it.
      if (brokenLines.has(line)) return;
      brokenLines.add(line);
      faults.push({ path: '', message, line, column });
    },
    onKey(name, pointer, position, first) {
      const fault =
        first === undefined
          ? (stringFault(name) ?? keyFault(name, pointer))
          : `is there twice, first at ${String(first.line)}:${String(first.column)}`;
      if (fault !== undefined) faults.push({ path: pointer, message: fault, ...position });
    },
    onLiteral(value, raw, pointer, position) {
      const fault =
        typeof value === 'string'
          ? stringFault(value)
          : typeof value === 'number' && !isHeldByDouble(raw)
            ? 'has digits that a double cannot hold; write it as a string'
            : undefined;
      if (fault !== undefined) faults.push({ path: pointer, message: fault, ...position });
    },
    onTooDeep(pointer, position) {
      const message = `nests deeper than ${String(MAX_DEPTH)} levels`;
      faults.push({ path: pointer, message, ...position });
    },
  });
  return faults;
}

/** As {@link parseJson} has it: keys that would reach into JavaScript's own objects. */
function keyFault(name: string, pointer: string): string | undefined {
  const isPoisoned = name === '__proto__' || pointer.endsWith('/constructor/prototype');
  return isPoisoned ? 'is a key that is not allowed' : undefined;
}

function stringFault(text: string): string | undefined {
  if (text.includes('\0')) return 'holds U+0000';
  return text.isWellFormed() ? undefined : 'holds a lone surrogate';
}
