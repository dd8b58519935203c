import { type JSONVisitor, type ParseErrorCode, visit } from 'jsonc-parser';
import type { Fault } from '../errors.ts';
import type { JsonValue } from '../events.ts';
import { isHeldByDouble, MAX_DEPTH, parseJson, toText } from '../json.ts';
import { escapePointer } from './path.ts';

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

/** Where something stands in a text, counted from 1; the column in UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
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
  walk(text, {
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

/** By the parser's own numbers; its names for them would come with all the rest of it. */
const SYNTAX: Readonly<Record<ParseErrorCode, string>> = {
  1: 'is not JSON',
  2: 'is not a number as JSON writes it',
  3: 'a member in double quotes is expected',
  4: 'a value is expected',
  5: 'a colon is expected',
  6: 'a comma is expected',
  7: 'a closing } is expected',
  8: 'a closing ] is expected',
  9: 'the document ends before this',
  10: 'JSON has no comments',
  11: 'JSON has no comments',
  12: 'the string has no end',
  13: 'the number has no end',
  14: 'is no \\u escape of four hex digits',
  15: 'the string has an escape that JSON does not know',
  16: 'the string has a control character, which must be escaped',
};

/** Everything for which {@link parseJson} refuses a document, with its position. */
function findFaults(text: string): readonly Fault[] {
  if (text.startsWith('\ufeff')) {
    return [{ path: '', message: 'begins with a byte order mark', line: 1, column: 1 }];
  }
  const faults: Fault[] = [];
  const brokenLines = new Set<number>();
  walk(text, {
    onError(code, { line, column }) {
      // What follows an error on its line is mostly an echo of it.
      if (brokenLines.has(line)) return;
      brokenLines.add(line);
      const message = SYNTAX[code];
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

interface Walker {
  /** Every value, where it begins; a member where its name begins. */
  onPlace?(pointer: string, position: Position): void;
  /** Every name of a member; `first` is where the same object had it before. */
  onKey?(name: string, pointer: string, position: Position, first: Position | undefined): void;
  onLiteral?(value: unknown, raw: string, pointer: string, position: Position): void;
  /** A value below the deepest level. Nothing after it is looked at: the walk is recursive. */
  onTooDeep?(pointer: string, position: Position): void;
  onError?(code: ParseErrorCode, position: Position): void;
}

interface Frame {
  readonly pointer: string;
  readonly isList: boolean;
  readonly names: Map<string, Position>;
  next: number;
}

/** Goes through a text in its order and tells the pointer and position of what it meets. */
function walk(text: string, walker: Walker): void {
  const frames: Frame[] = [];
  let member = '';
  const pointerOfValue = (): string => {
    const frame = frames.at(-1);
    return frame?.isList === true ? `${frame.pointer}/${String(frame.next++)}` : member;
  };
  const begin = (isList: boolean, line: number, character: number): void => {
    const pointer = pointerOfValue();
    const position = at(line, character);
    if (frames.at(-1)?.isList !== false) walker.onPlace?.(pointer, position);
    if (frames.length === MAX_DEPTH) {
      walker.onTooDeep?.(pointer, position);
      throw new TooDeep();
    }
    frames.push({ pointer, isList, names: new Map(), next: 0 });
  };
  const end = (): void => {
    frames.pop();
  };
  const visitor: JSONVisitor = {
    onObjectBegin(_, __, line, character) {
      begin(false, line, character);
    },
    onArrayBegin(_, __, line, character) {
      begin(true, line, character);
    },
    onObjectEnd: end,
    onArrayEnd: end,
    onObjectProperty(name, _, __, line, character) {
      const frame = frames.at(-1) as Frame;
      const position = at(line, character);
      member = `${frame.pointer}/${escapePointer(name)}`;
      walker.onPlace?.(member, position);
      walker.onKey?.(name, member, position, frame.names.get(name));
      if (!frame.names.has(name)) frame.names.set(name, position);
    },
    onLiteralValue(value: unknown, offset, length, line, character) {
      const pointer = pointerOfValue();
      const position = at(line, character);
      if (frames.at(-1)?.isList !== false) walker.onPlace?.(pointer, position);
      walker.onLiteral?.(value, text.slice(offset, offset + length), pointer, position);
    },
    onError(code, _, __, line, character) {
      walker.onError?.(code, at(line, character));
    },
  };
  try {
    visit(text, visitor, { disallowComments: true });
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
  }
}

class TooDeep extends Error {}

function at(line: number, character: number): Position {
  return { line: line + 1, column: character + 1 };
}
