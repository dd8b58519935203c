import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../src/json.ts';

const MIB = 1_048_576;

/** As many pieces as fit, with a comma between. */
const list = (piece: string | ((index: number) => string), length = 0) => {
  const make = typeof piece === 'string' ? () => piece : piece;
  const size = length || make(0).length + 1;
  return Array.from({ length: Math.floor(MIB / size) }, (_, index) => make(index)).join();
};
const fill = (piece: string, times = MIB / piece.length) => piece.repeat(Math.floor(times));

/** A MiB of what is most work, and what becomes of it. */
const WORST: Readonly<Record<string, readonly [body: string, reason?: RegExp]>> = {
  'keys, all different': [`{${list((i) => `"k${String(i)}":1`, 11)}}`],
  'keys that begin alike': [`{${list((i) => `"${'a'.repeat(40)}${String(i)}":1`, 50)}}`],
  'keys that look like places in a list': [
    `{${list((i) => `"${String((i * 65_536) % (2 ** 32 - 1))}":1`, 14)}}`,
  ],
  'keys that look like places, downwards': [
    `{${list((i) => `"${String(2 ** 32 - 2 - i * 3)}":1`, 15)}}`,
  ],
  'keys that nearly are __proto__': [`{${list((i) => `"__proto_${String(i)}":1`, 17)}}`],
  'long keys': [
    `{${Array.from({ length: 64 }, (_, i) => `"${fill('k', MIB / 64)}${String(i)}":1`).join()}}`,
  ],
  'one key, again and again': [`{${list('"a":1')}}`, /twice/],
  'one key, again and again in escapes': [`{${list('"\\u0061":1')}}`, /twice/],
  'objects with a key twice, the last of all': [
    `[${list('{"a":1,"b":2}')},{"a":1,"a":2}]`,
    /twice/,
  ],
  '__proto__, again and again': [`{${list('"__proto__":1')}}`, /not allowed/],
  'constructors without a prototype': [`[${list('{"constructor":{"prototyp":{}}}')}]`],

  'a run of digits': [`[${fill('1')}]`, /digits/],
  'a run of zeros': [`[1${fill('0')}]`, /digits/],
  'a run of zeros after the point': [`[0.${fill('0')}]`],
  'a digit after a run of zeros': [`[0.${fill('0')}1]`, /digits/],
  'zeros, a digit, zeros': [`[0.${fill('0', MIB / 2)}1${fill('0', MIB / 2)}]`, /digits/],
  'zeros between two digits': [`[1${fill('0')}1]`, /digits/],
  'zeros between two digits, after the point': [`[1.${fill('0')}1]`, /digits/],
  'a huge exponent': [`[1e${fill('9')}]`, /digits/],
  'a huge negative exponent': [`[1e-${fill('9')}]`, /digits/],
  'an exponent of zeros': [`[1e${fill('0')}1]`],
  'many numbers of 22 digits': [`[${list(`1${'0'.repeat(21)}`)}]`],
  'many whole numbers beyond 2^53': [`[${list((i) => String(2 ** 53 + i * 2))}]`],
  'many fractions of 55 digits': [`[${list((0.1).toFixed(55))}]`],
  'many large exponents': [`[${list('1e300')}]`],
  'many small exponents': [`[${list('5e-324')}]`],
  'a run of signs': [`[${fill('-')}1]`, /not valid/],
  'a run of points': [`[${fill('1.')}]`, /not valid/],
  'a run of e': [`[1${fill('e')}]`, /not valid/],

  'a run of backslashes': [`"${fill('\\\\')}"`],
  'a run of backslashes without an end': [`"${fill('\\')}`, /not valid/],
  'a run of escaped quotes': [`"${fill('\\"')}"`],
  'a run of escaped quotes without an end': [`"${fill('\\"')}`, /not valid/],
  'a run of backslashes and quotes': [`"${fill('\\\\\\"')}`, /not valid/],
  'many strings of backslashes': [`[${list(`"${'\\\\'.repeat(50)}"`)}]`],
  'escapes for plain letters': [`"${fill('\\u0061')}"`],
  'surrogate pairs in escapes': [`"${fill('\\ud83d\\ude00')}"`],
  'a lone surrogate after many pairs': [`"${fill('\\ud83d\\ude00')}\\ud83d"`, /surrogate/],
  'U+0000 after many escapes': [`"${fill('\\u0001')}\\u0000"`, /U\+0000/],
  'characters of four bytes': [`"${fill('😀', MIB / 4)}"`],
  'many empty strings': [`[${list('""')}]`],
  'a run of quotes': [fill('"'), /not valid/],

  'brackets that open': [fill('['), /deeper/],
  'brackets that open, and close': [fill('[', MIB / 2) + fill(']', MIB / 2), /deeper/],
  'objects in objects': [fill('{"a":'), /deeper/],
  'objects in objects, of one key and closed': [
    `${fill('{"a":', MIB / 6)}1${fill('}', MIB / 6)}`,
    /deeper/,
  ],
  'brackets that close': [fill(']'), /not valid/],
  'many nests of 64 levels': [`[${list('['.repeat(63) + ']'.repeat(63))}]`],
  'many empty objects': [`[${list('{}')}]`],
  'a run of commas': [`[${fill(',')}]`, /not valid/],
  'a run of colons': [`{${fill(':')}}`, /not valid/],
  'a run of blanks': [fill(' '), /not valid/],
};

/** An ordinary MiB. */
const BENIGN = `[${list((i) => `{"name":"Value ${String(i)}","number":${String(i)}}`, 38)}]`;

/**
 * How many times as long as JSON.parse the gate may take: about 12 is seen where each number is
 * looked at in full. What is quadratic takes a thousand times as long, and more.
 */
const FACTOR = 60;

/** The shortest of several runs, in milliseconds: what a busy machine adds is left out. */
function timeOf(work: () => unknown): number {
  let shortest = Infinity;
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    work();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

function parseByItself(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

describe('a MiB of the worst', () => {
  const ordinary = timeOf(() => parseByItself(BENIGN));

  it.each(Object.entries(WORST))('%s is judged in linear time', (_, [body, reason]) => {
    const bytes = Buffer.from(body);
    expect(bytes.length).toBeGreaterThan(MIB * 0.85);
    const result = parseStrictJson(bytes);
    if (reason === undefined) expect(result.ok).toBe(true);
    else expect(result.ok ? '' : result.reason).toMatch(reason);

    const ours = timeOf(() => parseStrictJson(bytes));
    const plain = Math.max(
      ordinary,
      timeOf(() => parseByItself(body)),
    );
    expect(ours / plain).toBeLessThan(FACTOR);
  });
});
