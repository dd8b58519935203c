import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  canonicalDigest,
  contentDigest,
  isHeldByDouble,
  parseStrictJson,
  sha256,
} from '../src/json.ts';
import { listCorpus, missingCorpus, readCorpus } from './support/corpora.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));
const reasonOf = (text: string | Uint8Array) => {
  const result = parseStrictJson(typeof text === 'string' ? Buffer.from(text) : text);
  return result.ok ? undefined : result.reason;
};

const noSuite = missingCorpus('json-test-suite');
describe.skipIf(noSuite)(`JSONTestSuite${noSuite ? ` (${noSuite})` : ''}`, () => {
  const files = (prefix: string) =>
    noSuite ? [] : listCorpus('json-test-suite/test_parsing').filter((f) => f.startsWith(prefix));
  const read = (file: string) => readCorpus(`json-test-suite/test_parsing/${file}`);

  it('accepts every y_ file as its value, but the four that are refused by name', () => {
    const refused = new Set([
      'y_object_duplicated_key.json',
      'y_object_duplicated_key_and_value.json',
      'y_object_escaped_null_in_key.json',
      'y_string_null_escape.json',
    ]);
    const all = files('y_');
    expect(all).toHaveLength(95);
    for (const file of all) {
      const result = parseStrictJson(read(file));
      if (refused.has(file)) expect(result.ok, file).toBe(false);
      else
        expect(result, file).toEqual({
          ok: true,
          value: JSON.parse(read(file).toString()) as unknown,
        });
    }
  });

  it('refuses all 188 n_ files', () => {
    const all = files('n_');
    expect(all).toHaveLength(188);
    for (const file of all) expect(parseStrictJson(read(file)).ok, file).toBe(false);
  });

  it('throws at none of the i_ files', () => {
    for (const file of files('i_')) {
      const result = parseStrictJson(read(file));
      if (result.ok) expect(result.value, file).toEqual(JSON.parse(read(file).toString()));
    }
  });
});

describe('parseStrictJson', () => {
  it('gives the value JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const result = parse(text);
        fc.pre(!text.includes('__proto__'));
        if (result.ok) expect(result.value).toEqual(JSON.parse(text));
        else expect(result.reason).toMatch(/surrogate|U\+0000|digits/);
      }),
    );
  });

  it('throws at no bytes, and names nothing out of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parseStrictJson(bytes);
      }),
      { numRuns: 2_000 },
    );
    expect(reasonOf('{"name": "Alice Secret" oops}')).toBe('The body is not valid JSON.');
  });

  it.each([
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), /UTF-8/],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), /UTF-8/],
    ['a byte order mark', Buffer.from('\ufeff{}'), /byte order mark/],
    ['UTF-16', Buffer.from('{}', 'utf16le'), /not valid JSON/],
    ['an empty body', Buffer.alloc(0), /not valid JSON/],
    ['a NUL in a string', '"a\\u0000b"', /U\+0000/],
    ['a NUL in a key', '{"a\\u0000b":1}', /U\+0000/],
    ['a NUL, deep', '{"a":[1,{"b":["\\u0000"]}]}', /U\+0000/],
    ['a lone surrogate in a list', '[["x","\\udbff"]]', /surrogate/],
    ['a lone high surrogate', '"\\ud800"', /surrogate/],
    ['a lone low surrogate in a key', '{"\\udc00":1}', /surrogate/],
    ['a key twice', '{"a":1,"a":1}', /twice/],
    ['a key twice, deep', '[{"x":{"a":1,"b":2,"a":3}}]', /twice/],
    ['a key twice, once with an escape', '{"a":1,"\\u0061":2}', /twice/],
    ['__proto__', '{"__proto__":{}}', /not allowed/],
    ['__proto__, deep', '[[{"a":{"__proto__":1}}]]', /not allowed/],
    ['__proto__ with an escape', '{"\\u005f_proto__":{}}', /not allowed/],
    ['constructor.prototype', '{"constructor":{"prototype":{}}}', /not allowed/],
    ['constructor.prototype, escaped', '{"constructor":{"\\u0070rototype":{}}}', /not allowed/],
    ['65 levels', '['.repeat(65) + ']'.repeat(65), /deeper/],
    ['100,000 levels', '['.repeat(100_000), /deeper/],
    ['100,000 levels of objects', '{"a":'.repeat(100_000), /deeper/],
  ])('refuses %s', (_, body, reason) => {
    expect(reasonOf(body)).toMatch(reason);
  });

  it.each([
    ['64 levels', '['.repeat(64) + ']'.repeat(64)],
    ['a hundred lists side by side', `[${'[],'.repeat(100)}0]`],
    ['a hundred objects side by side', `[${'{},'.repeat(100)}0]`],
    ['brackets in a string', JSON.stringify('['.repeat(100))],
    ['colons and quotes in strings', '{"a\\"b:":"c:\\\\","d":":"}'],
    ['a surrogate pair', '"\\ud83d\\ude00 \ud83d\ude00"'],
    ['the same key in different objects', '[{"a":1},{"a":1}]'],
    ['constructor as a plain field', '{"constructor":"Bob the Builder","prototype":1}'],
    ['constructor without prototype', '{"constructor":{"name":"x"}}'],
    ['constructor without anything', '[{"constructor":null},{"constructor":[]},"prototype"]'],
    ['prototype in what is no constructor', '{"name":{"prototype":1},"prototype":{}}'],
    ['escapes in keys and lists', '{"a\\nb":["\\t",["\\u00e9"]],"c":null}'],
    ['toString and hasOwnProperty', '{"toString":1,"hasOwnProperty":2}'],
    ['an escaped backslash before u0000', '"\\\\u0000"'],
    ['a text that says __proto__', '["__proto__"]'],
  ])('accepts %s', (_, body) => {
    expect(parse(body)).toEqual({ ok: true, value: JSON.parse(body) as unknown });
  });

  it.each([
    '0',
    '-0',
    '0.0',
    '1.50',
    '1e2',
    '1E+2',
    '0.1',
    '123456789012345',
    '9007199254740991',
    '9007199254740992',
    '0.30000000000000004',
    '1.7976931348623157e308',
    '5e-324',
    '0.10000000000000001',
    '1.00000000000000000000',
    '100000000000000000000',
    '-1.5e-7',
    '0.1000000000000000055511151231257827',
  ])('holds the number %s', (text) => {
    expect(parse(text)).toEqual({ ok: true, value: Number(text) });
    expect(parse(`{"a":[${text}]}`).ok).toBe(true);
  });

  it.each([
    '9007199254740993',
    '12345678901234567890',
    '-9007199254740993',
    '1e400',
    '1E400',
    '-1e400',
    '1e-400',
    '0.1234567890123456789',
    '1.2345e-322',
    '99999999999999999',
    '1000000000000000100',
    '100000000000000000000000',
    `1${'0'.repeat(1000)}`,
    `0.${'1'.repeat(2000)}`,
  ])('refuses the number %s', (text) => {
    expect(reasonOf(`[${text}]`)).toMatch(/number at character 2 .* send it as a string/);
  });

  it('holds every number JavaScript prints, and every decimal of 15 digits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        // Beyond 2^53 JavaScript itself prints whole numbers with digits the double does not have.
        fc.pre(!/^-?\d{16,}$/.test(String(number)));
        expect(parse(JSON.stringify([number])).ok).toBe(true);
        expect(parse(`[${number.toExponential(16)}]`).ok).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), fc.nat(14), (n, point) => {
        const digits = String(n).padStart(15, '0');
        const text = `${String(Number(digits.slice(0, 15 - point)))}.${digits.slice(15 - point)}0`;
        expect(parse(text).ok).toBe(true);
      }),
    );
  });

  it('refuses a million digits, quotes or zeros without getting stuck', () => {
    const n = 1_000_000;
    expect(parse(`[0.${'0'.repeat(n)}1]`).ok).toBe(false);
    expect(parse(`[1${'0'.repeat(n)}1]`).ok).toBe(false);
    expect(parse(`"${'\\"'.repeat(n / 2)}`).ok).toBe(false);
    expect(parse(`"${'\\\\'.repeat(n / 2)}`).ok).toBe(false);
    expect(parse(`[${'"",'.repeat(n / 3)}""]`).ok).toBe(true);
  });
});

describe('parseStrictJson on long strings', () => {
  // Beyond 64 bytes the end of a string is searched for, unless the body has backslashes.
  const lengths = [62, 63, 64, 65, 66, 1_000];

  it.each(lengths)('finds the end of a string of %i bytes', (length) => {
    const long = 'x'.repeat(length);
    for (const text of [long, `${long}\\"${long}`, `\\${long}`, `${long}:{[1e999]`, `${long}é`]) {
      const value = { [text]: text, a: [text, 1.5], b: text };
      expect(parse(JSON.stringify(value))).toEqual({ ok: true, value });
    }
    for (const body of [
      `"${long}`,
      `{"a":"${long}","a":1}`,
      `{"${long}":1,"${long}":1}`,
      `["${long}",{"__proto__":1}]`,
      `["${long}\\",{"__proto__":1}]`,
      `["${long}\\"]`,
      `["\\","${long}\\u0000"]`,
      `["${long}",1e999]`,
    ]) {
      expect(parse(body).ok, body).toBe(false);
    }
  });

  it.each([
    ['"\\u0000"', /U\+0000/],
    ['{"\\u0000":1}', /U\+0000/],
    ['"\\uD800"', /surrogate/],
    ['"\\uDbff x"', /surrogate/],
    ['"\\udFFF"', /surrogate/],
    ['"\\\\ \\n \\u0000"', /U\+0000/],
    ['{"\\u005F_proto__":1}', /not allowed/],
    ['{"__prot\\u006f__":1}', /not allowed/],
    ['{"c\\u006fnstructor":{"prototype":1}}', /not allowed/],
    ['{"a":1,"\\u0061":1}', /twice/],
    ['{"\\u00fc":1,"ü":1}', /twice/],
    ['{"\\"":1,"\\u0022":1}', /twice/],
  ])('sees through the escapes of %s', (body, reason) => {
    expect(reasonOf(body)).toMatch(reason);
    // Also behind many that hide nothing.
    expect(reasonOf(`["\\" \\n \\u00fc \\u20ac \\uac00",${body}]`)).toMatch(reason);
  });

  it.each([
    '{"name":{"prototype":1},"prototype":{}}',
    '[null,{"a":null,"b":[null]},true,1.5,""]',
    '{"constructor":null}',
    '{"constructor":"prototype"}',
    '{"constructor":["prototype"]}',
    '[[1,[2,3]],{"a":{"b":{"c":[{}]}}}]',
    '{"key":"value","other":["value"]}',
  ])('takes %s where every string is looked at', (body) => {
    // An escape that could hide something is reason to look at everything.
    const value = JSON.parse(body) as unknown;
    expect(parse(`[${body},"\\u0041"]`)).toEqual({ ok: true, value: [value, 'A'] });
  });

  it.each([
    ['"\\u0000"', 'A string in the body holds U+0000.'],
    ['"\\ud800"', 'A string in the body holds a lone surrogate.'],
    ['{"\\ud800":1}', 'A string in the body holds a lone surrogate.'],
    [
      '{"__proto__":1}',
      'The body has a key that is not allowed: __proto__ or constructor.prototype.',
    ],
  ])('says of %s the same wherever it stands', (bad, reason) => {
    for (const body of [bad, `[1,${bad}]`, `{"a":${bad},"b":1}`, `[[{"a":[{"b":${bad}}]}],2]`]) {
      expect(reasonOf(body), body).toBe(reason);
    }
  });

  it('leaves to JSON.parse what is no number', () => {
    for (const text of [
      '1234567890123456.',
      '-',
      '1e',
      '1234567890123456e+',
      '.1234567890123456',
    ]) {
      expect(reasonOf(`[${text}]`), text).toBe('The body is not valid JSON.');
    }
  });

  it('says where a number stands in characters', () => {
    expect(reasonOf('["é€😀",1e999]')).toMatch(/^The number at character 9 of/);
    expect(parseStrictJson('["é€😀",1e999]')).toEqual(parse('["é€😀",1e999]'));
  });

  it('counts no member that was added to every object', () => {
    const everyObject = Object.prototype as Record<string, unknown>;
    everyObject['polluted'] = 1;
    try {
      expect(parse('{"a":{"b":1}}').ok).toBe(true);
      expect(parse('{"a":1,"a":2}').ok).toBe(false);
    } finally {
      delete everyObject['polluted'];
    }
  });
});

describe('isHeldByDouble', () => {
  // The gate and mapping ask about long numbers and exponents only; coercion asks about all.
  it.each(['0', '-0.5', '123456789012345', '1234567.8901234', '5e-324', '1E5', '-1e+5', '9e307'])(
    'holds %s',
    (text) => {
      expect(isHeldByDouble(text)).toBe(true);
    },
  );

  it.each(['1e400', '1E400', '-1E-400', '9e308', '1234567890123456789', '0.1234567890123456789'])(
    'does not hold %s',
    (text) => {
      expect(isHeldByDouble(text)).toBe(false);
    },
  );

  it('holds all the digits that a double has, up to 101', () => {
    // 2 to the power of -144 has 101 digits; of -150, 105, and nobody writes those.
    const exactly = (power: number) => `0.${String(5n ** BigInt(power)).padStart(power, '0')}`;
    expect(Number(exactly(144))).toBe(2 ** -144);
    expect(isHeldByDouble(exactly(144))).toBe(true);
    expect(isHeldByDouble(exactly(150))).toBe(false);
    expect(isHeldByDouble(exactly(144).replace(/.$/, '6'))).toBe(false);
  });
});

describe('parseStrictJson on text', () => {
  it('takes a string as its UTF-8 bytes', () => {
    expect(parseStrictJson('{"a":"ü"}')).toEqual({ ok: true, value: { a: 'ü' } });
    expect(parseStrictJson('{"a":1,"a":1}').ok).toBe(false);
    expect(parseStrictJson('\ufeff{}').ok).toBe(false);
    expect(parseStrictJson('"\ud800"').ok).toBe(false);
  });
});

describe('contentDigest', () => {
  it('does not depend on the order of keys', () => {
    expect(contentDigest('a.b', { x: 1, y: [2, { b: 3, a: 4 }] })).toBe(
      contentDigest('a.b', { y: [2, { a: 4, b: 3 }], x: 1 }),
    );
    expect(contentDigest('a.b', { x: 1 })).not.toBe(contentDigest('a.c', { x: 1 }));
    expect(contentDigest('a.b', { x: 1 })).not.toBe(contentDigest('a.b', { x: '1' }));
  });

  it('is SHA-256 over the canonical type and data', () => {
    // printf '{"data":{"a":"ü","b":[1,{}]},"type":"a.\\"b"}' | sha256sum
    const digest = 'e17e7370c557ff13a6eb867b9343263023b6e41c3154af8ed7c06351655c073c';
    expect(contentDigest('a."b', { b: [1, {}], a: 'ü' })).toBe(digest);
  });
});

describe('canonicalDigest', () => {
  it('does not depend on the order of keys, and is the same on a Node without one-shot hashes', async () => {
    // printf '{"a":[1,{"b":"ü","c":null}]}' | sha256sum
    const digest = 'e3c33c3dd930a90fb68f2f4121919da56cbc2189430f7f3cc7465c0e174d36e2';
    expect(canonicalDigest({ a: [1, { c: null, b: 'ü' }] })).toBe(digest);
    expect(canonicalDigest({ a: [{ b: 'ü', c: null }, 1] })).not.toBe(digest);

    vi.resetModules();
    vi.doMock('node:crypto', async (importOriginal) => ({
      ...(await importOriginal<object>()),
      hash: undefined,
    }));
    try {
      const old = await import('../src/json.ts');
      expect(old.canonicalDigest({ a: [1, { c: null, b: 'ü' }] })).toBe(digest);
      expect(old.sha256(Buffer.from('ü'))).toBe(sha256('ü'));
    } finally {
      vi.doUnmock('node:crypto');
    }
  });
});
