import { describe, expect, it } from 'vitest';
import { MAX_DEPTH, scanJson } from '../src/json-scan.ts';

/** What the scan says of a text, and the numbers it asks about. */
function scan(text: string, isHeld: (literal: string) => boolean = () => true) {
  const asked: string[] = [];
  const found = scanJson(Buffer.from(text), (literal) => {
    asked.push(literal);
    return isHeld(literal);
  });
  return { ...found, asked };
}

const NOTHING = {
  members: 0,
  hasEscapes: false,
  mayPoison: false,
  tooDeepAt: undefined,
  badNumberAt: undefined,
  asked: [],
};

describe('scanJson', () => {
  it.each<[string, number]>([
    ['', 0],
    ['{}', 0],
    ['{"a":1,"b:":{"x":"d:"},"e":[":",{"f":null}]}', 5],
    ['{"a\\":":1}', 1],
    [`{"${':'.repeat(100)}":"${':'.repeat(100)}"}`, 1],
    [`{"a\\n":"${':'.repeat(100)}"}`, 1],
    // A body that ends within a string is refused anyway.
    ['{"a":"b:', 1],
    ['"\\', 0],
  ])('counts the members of %j', (text, members) => {
    expect(scan(text)).toEqual({ ...NOTHING, members });
  });

  // Whoever reads these strings anew finds what could be hidden; all others are spared that.
  it.each(['\\u0000', '\\u0041', '\\u005F', '\\u007f', '\\ud800', '\\uD83d', '\\udfff', '\\uDFFF'])(
    'sees that %s may hide something',
    (escape) => {
      for (const text of [`"${escape}"`, `["a","\\n${escape}"]`, `{"${escape}":1}`]) {
        expect(scan(text).hasEscapes, text).toBe(true);
      }
      // Here it is a backslash, and letters.
      expect(scan(`"\\${escape}"`).hasEscapes).toBe(false);
    },
  );

  it.each([
    ...['\\n', '\\"', '\\\\', '\\/', '\\b00', '\\t', '\\n0000', '\\rd800'],
    ...[
      '\\u0080',
      '\\u00fc',
      '\\u00FC',
      '\\u0100',
      '\\u20ac',
      '\\uc000',
      '\\ue000',
      '\\u1000',
      '\\u1041',
      '\\u0941',
    ],
  ])('sees that %s hides nothing', (escape) => {
    expect(scan(`{"a":"${escape}"}`)).toEqual({ ...NOTHING, members: 1 });
  });

  it.each(['__proto__', 'constructor'])('sees that %s may be a key', (key) => {
    expect(scan(`{"${key}":1}`).mayPoison).toBe(true);
    for (const other of [`a${key}`, `${key}a`, key.slice(1), `x${key.slice(1)}`, '_', 'c', '']) {
      expect(scan(`{"${other}":1}`).mayPoison, other).toBe(false);
    }
  });

  it.each([
    ['[1,-2.5,123456789012345,0.1234567890123]', []],
    ['[1234567890123456]', ['1234567890123456']],
    ['[0.12345678901234]', ['0.12345678901234']],
    ['[-12345678901234.5]', ['-12345678901234.5']],
    ['[1e5,1E5,-1.5e-7,2E+3]', ['1e5', '1E5', '-1.5e-7', '2E+3']],
    ['["1234567890123456",{"1e5":"1e5"}]', []],
    ['1e5', ['1e5']],
    ['{"a":[1,2,3,4,5,6,7,8],"b":1,"c":1e5}', ['1e5']],
  ])('asks of %s about what a double might not hold', (text, asked) => {
    expect(scan(text).asked).toEqual(asked);
  });

  it('stops at the first number that is not held', () => {
    const text = '{"a":1e5,"é":[1e6,1e7]}';
    expect(scan(text, (literal) => literal !== '1e6')).toMatchObject({
      badNumberAt: Buffer.from('{"a":1e5,"é":[').length,
      asked: ['1e5', '1e6'],
    });
  });

  it('stops at the first level that is too deep', () => {
    for (const open of ['[', '{"a":']) {
      const least = open.repeat(MAX_DEPTH);
      expect(scan(least).tooDeepAt).toBeUndefined();
      expect(scan(`${least}${open}1e5`)).toMatchObject({ tooDeepAt: least.length, asked: [] });
    }
    // Levels that were left do not count.
    expect(scan(`[${'[{}],'.repeat(MAX_DEPTH)}0]`).tooDeepAt).toBeUndefined();
  });

  it('reads no further than a string without an end', () => {
    for (const length of [10, 63, 64, 65, 1_000]) {
      expect(scan(`["${'x'.repeat(length)}`)).toEqual(NOTHING);
    }
  });
});
