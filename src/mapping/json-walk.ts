import { MAX_DEPTH } from '../json.ts';
import { escapePointer } from './path.ts';

/** Where something stands in a text, counted from 1; the column in UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Who is told what a walk meets, in the order of the text. */
export interface Walker {
  /** Every value, where it begins; a member where its name begins. */
  onPlace?(pointer: string, position: Position): void;
  /** Every name of a member; `first` is where the same object had it before. */
  onKey?(name: string, pointer: string, position: Position, first: Position | undefined): void;
  onLiteral?(value: unknown, raw: string, pointer: string, position: Position): void;
  /** A value below the deepest level. Nothing after it is looked at: the walk is recursive. */
  onTooDeep?(pointer: string, position: Position): void;
  /** What is no JSON, as the end of a sentence; the walk goes on behind it. */
  onError?(message: string, position: Position): void;
}

/** White space, then a token: punctuation, where a string begins, a number, a comment, or a word. */
const TOKEN =
  /[ \t\r\n]*([{}[\],:"]|-?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d*)?|\/\/[^\r\n]*|\/\*[^]*?(?:\*\/|$)|[^ \t\r\n{}[\],:"/]+|\/)?/y;
const LITERAL = /^(?:true|false|null|-?\d.*)$/;

const VALUE_EXPECTED = 'a value is expected';

/**
 * Goes through a text that should be JSON and tells what stands where. An error is left behind at the
 * next comma or closing bracket, so that the errors after it are found too.
 */
export function walkJson(text: string, walker: Walker): void {
  const tokens = new RegExp(TOKEN);
  let token = '';
  /** The token's first character; `0` for a literal that is no string, empty at the end. */
  let kind = '';
  let content: unknown;
  let depth = 0;
  const position = positionsOf(text);
  const here = (): Position => position(tokens.lastIndex - token.length);
  const fail = (message: string): void => walker.onError?.(message, here());

  /** Goes to the next token that can stand in JSON. */
  const next = (): void => {
    do {
      token = tokens.exec(text)?.[1] ?? '';
      kind = token.charAt(0);
      if (kind === '"') {
        const start = tokens.lastIndex - 1;
        tokens.lastIndex = stringEnd(text, start);
        token = text.slice(start, tokens.lastIndex);
      } else if (LITERAL.test(token)) kind = '0';
      else if ('{}[],:'.includes(kind)) return;
      else fail(/^\/[/*]/.test(token) ? 'JSON has no comments' : 'is not JSON');
    } while (kind !== '"' && kind !== '0');
    try {
      content = JSON.parse(token);
    } catch {
      content = token;
      fail(kind === '0' ? 'the number has no end' : stringFault(token));
    }
  };
  const take = (wanted: string): boolean => {
    const isThere = kind === wanted;
    if (isThere) next();
    return isThere;
  };
  const skipTo = (end: string): void => {
    while (kind !== '' && kind !== ',' && kind !== end) next();
  };

  const value = (pointer: string, end: string): void => {
    if (kind === '{') inside(pointer, '}', object);
    else if (kind === '[') inside(pointer, ']', list);
    else if (kind === '"' || kind === '0') {
      walker.onLiteral?.(content, token, pointer, here());
      next();
    } else {
      fail(VALUE_EXPECTED);
      skipTo(end);
    }
  };

  /** Everything between two brackets, and the commas between its parts. */
  const inside = (
    pointer: string,
    end: string,
    partsOf: (pointer: string) => (end: string) => void,
  ): void => {
    if (depth++ === MAX_DEPTH) {
      walker.onTooDeep?.(pointer, here());
      throw new TooDeep();
    }
    const part = partsOf(pointer);
    next();
    for (let isFirst = true; kind !== '' && kind !== end; isFirst = false) {
      if (kind === ',') {
        if (isFirst) fail(VALUE_EXPECTED);
        next();
      } else if (!isFirst) fail('a comma is expected');
      part(end);
    }
    if (!take(end)) fail(`a closing ${end} is expected`);
    depth--;
  };

  const list = (pointer: string) => {
    let index = 0;
    return (end: string): void => {
      const item = `${pointer}/${String(index++)}`;
      walker.onPlace?.(item, here());
      value(item, end);
    };
  };

  const object = (pointer: string) => {
    const names = new Map<string, Position>();
    return (end: string): void => {
      if (kind !== '"') {
        fail('a member in double quotes is expected');
        skipTo(end);
        return;
      }
      const name = String(content);
      const place = here();
      const member = `${pointer}/${escapePointer(name)}`;
      walker.onPlace?.(member, place);
      walker.onKey?.(name, member, place, names.get(name));
      if (!names.has(name)) names.set(name, place);
      next();
      if (take(':')) value(member, end);
      else {
        fail('a colon is expected');
        skipTo(end);
      }
    };
  };

  try {
    next();
    walker.onPlace?.('', here());
    value('', '');
    if (kind !== '') fail('the document ends before this');
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
  }
}

class TooDeep extends Error {}

/** Finds the positions of offsets that never go back, so that each line is passed once. */
function positionsOf(text: string): (offset: number) => Position {
  const breaks = /\r\n?|\n/g;
  let line = 0;
  let start = 0;
  let end = 0;
  return (offset) => {
    while (end <= offset) {
      line++;
      start = end;
      end = breaks.test(text) ? breaks.lastIndex : Infinity;
    }
    return { line, column: offset - start + 1 };
  };
}

/** Behind the quote that ends a string; where it has none, at the end of its line. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at];
    if (character === '"') return at + 1;
    if (character === '\n' || character === '\r') return at;
    if (character === '\\' && !/[\r\n]/.test(text.charAt(at + 1))) at++;
  }
  return text.length;
}

function stringFault(token: string): string {
  const rest = token.replace(/\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/g, '');
  if (rest.length === 1 || !rest.endsWith('"')) return 'the string has no end';
  if (rest.includes('\\u')) return 'is no \\u escape of four hex digits';
  return rest.includes('\\')
    ? 'the string has an escape that JSON does not know'
    : 'the string has a control character, which must be escaped';
}
