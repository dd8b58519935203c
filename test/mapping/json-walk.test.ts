import fc from 'fast-check';
import { type JSONVisitor, visit } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { type Position, walkJson } from '../../src/mapping/json-walk.ts';

interface Found {
  readonly places: string[];
  readonly errors: Position[];
}

/** Every value and every name of a member, with its pointer and where it stands; and the errors. */
function walked(text: string): Found & { readonly messages: string[] } {
  const found = { places: [] as string[], errors: [] as Position[], messages: [] as string[] };
  const show = (pointer: string, { line, column }: Position) => {
    found.places.push(`${String(line)}:${String(column)} ${pointer}`);
  };
  walkJson(text, {
    onPlace: show,
    onError(message, position) {
      found.errors.push(position);
      found.messages.push(message);
    },
  });
  return found;
}

/** The same by the parser of VS Code. */
function visited(text: string): Found {
  const found: Found = { places: [], errors: [] };
  const show = (line: number, character: number, path: readonly (string | number)[]) => {
    const pointer = path.map((part) => `/${String(part).replace(/~/g, '~0').replace(/\//g, '~1')}`);
    found.places.push(`${String(line + 1)}:${String(character + 1)} ${pointer.join('')}`);
  };
  const begin = (
    _: unknown,
    __: unknown,
    line: number,
    character: number,
    path: () => (string | number)[],
  ) => {
    if (typeof path().at(-1) !== 'string') show(line, character, path());
  };
  const visitor: JSONVisitor = {
    onObjectBegin: begin,
    onArrayBegin: begin,
    onObjectProperty(name, _, __, line, character, path) {
      show(line, character, [...path(), name]);
    },
    onLiteralValue(_, offset, length, line, character, path) {
      begin(offset, length, line, character, path);
    },
    onError(_, __, ___, line, character) {
      found.errors.push({ line: line + 1, column: character + 1 });
    },
  };
  visit(text, visitor, { disallowComments: true });
  return found;
}

const layout = fc.constantFrom(undefined, 1, '\t');
const lineBreak = fc.constantFrom('\n', '\r\n', '\r');

describe('walkJson', () => {
  it('finds the places of a document where VS Code finds them', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), layout, lineBreak, (value, by, end) => {
        const text = JSON.stringify(value, null, by).replaceAll('\n', end);
        expect(walked(text)).toEqual({ ...visited(text), messages: [] });
      }),
      { numRuns: 2_000 },
    );
  });

  const piece = fc.constantFrom(
    ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"\\n"', '"\\x"', '"\\u12"', '"\t"', '"\\"'],
    ...['1', '-', '0', '1.', '1e', '-0.5e+3', 'true', 'nul', '/', '//', '/*', '*/', "'a'"],
    ...[' ', '\n', '\r\n', '\t', '\u00a0', '\ud800', '\\'],
  );

  it('finds an error exactly where there is one, and the first where VS Code finds it', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const { errors } = walked(text);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect(errors.length === 0, text).toBe(isJson);
        expect(errors[0], text).toEqual(visited(text).errors[0]);
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ['{\n"a" 1,\n"b": 2\n"c": 3\n}', ['2:5 a colon', '4:1 a comma']],
    ['[1,\n,\n2,\n]', ['2:1 a value', '4:1 a value']],
    ['{"a": 1,\n}', ['2:1 a member in double quotes']],
    ['{\na: 1,\n"b": tru,\n"c": /* d */ 01}', ['2:1 is not JSON', '3:6 is not JSON', '4:6 JSON']],
    ['["a\nb", "\\u12", "\\x", "\u0001", "\\"]', ['1:2 the string has no end']],
    [
      '["\\\\x",\n"\\\\\\x",\n"\\\\u12",\n"\\u012x"]',
      ['2:1 the string has an escape', '4:1 is no \\u'],
    ],
    [
      '["\u001f",\n1.,\n2.5e,\n-1]',
      ['1:2 the string has a control', '2:1 the number', '3:1 the number'],
    ],
    ['{"a": [{"b": 1', ['1:15 a closing }']],
    ['{} {}', ['1:4 the document ends']],
    ['', ['1:1 a value is expected']],
  ])('says what is wrong with %j', (text, expected) => {
    const { errors, messages } = walked(text);
    const lines = new Set<number>();
    const firsts = errors.flatMap(({ line, column }, index) => {
      if (lines.has(line)) return [];
      lines.add(line);
      return [`${String(line)}:${String(column)} ${messages[index]!}`];
    });
    expect(firsts.slice(0, expected.length)).toEqual(
      expected.map((begin) => expect.stringMatching(begin.replace(/[\\}]/g, '\\$&')) as string),
    );
  });

  it('tells of what nests too deep, and looks no further', () => {
    const found: string[] = [];
    walkJson('['.repeat(65) + '?', {
      onTooDeep: (pointer, { column }) => void found.push(`${String(column)} ${pointer}`),
      onError: (message) => void found.push(message),
    });
    expect(found).toEqual([`65 ${'/0'.repeat(64)}`]);
  });

  it('needs no stack for a long string, number, word or comment', () => {
    for (const piece of ['\\n', 'a', '"', '1', '/', '/*', ' ', '\n']) {
      const text = piece.repeat(2_000_000);
      for (const begin of ['', '"', '[1']) expect(() => walked(begin + text)).not.toThrow();
    }
  });
});
