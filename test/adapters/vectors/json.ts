import { SAMPLE_REQUEST } from '../../support/document.ts';
import { refused, signed, type Vector } from './kit.ts';

const data = (text: string) => SAMPLE_REQUEST.replace('"data": {', `"data": {"x": ${text},`);
const member = (text: string) => SAMPLE_REQUEST.replace('"data": {', `"data": {${text},`);

/** Bodies that two readers could take for different things, or that no store could keep. */
const INVALID: Readonly<Record<string, string | Uint8Array>> = {
  'an empty body': '',
  'blanks only': ' \n ',
  'half an object': '{"a":',
  'two objects': '{}{}',
  'an object and a line': '{}\n{}',
  'an object and a NUL': '{}\0',
  'a comma at the end': '{"a":1,}',
  'single quotes': "{'a':1}",
  'a comment': '{/**/}',
  NaN: data('NaN'),
  Infinity: data('-Infinity'),
  'a hexadecimal number': data('0x10'),
  'a leading zero': data('007'),
  'a leading plus': data('+7'),
  'a newline in a string': data('"a\nb"'),
  'an unknown escape': data('"\\x41"'),
  'a no-break space between': data('\u00a01'),
  'a byte order mark': `\ufeff${SAMPLE_REQUEST}`,
  'a byte order mark of UTF-16': Buffer.from(`\ufeff${SAMPLE_REQUEST}`, 'utf16le'),
  'UTF-16': Buffer.from(SAMPLE_REQUEST, 'utf16le'),
  'an invalid byte': Buffer.concat([Buffer.from(SAMPLE_REQUEST), Buffer.of(0xff)]),
  'a lone continuation byte': Buffer.from(data('"\x80"'), 'latin1'),
  'Latin-1': Buffer.from(data('"Zo\xeb"'), 'latin1'),
  'an overlong slash': Buffer.from(data('"\xc0\xaf"'), 'latin1'),
  'a surrogate in UTF-8 (CESU-8)': Buffer.from(data('"\xed\xa0\xbd\xed\xb8\x80"'), 'latin1'),
  'a code point beyond Unicode': Buffer.from(data('"\xf4\x90\x80\x80"'), 'latin1'),
  'half a character at the end': Buffer.from(`${SAMPLE_REQUEST}\xc3`, 'latin1'),

  'a key twice': '{"a":1,"a":2}',
  'a key twice with the same value': data('{"a":1,"a":1}'),
  'a key of the envelope twice': SAMPLE_REQUEST.replace('{', '{"type": "appointment.deleted",'),
  'a key twice, deep in a list': data('[[{"a":[{"b":1,"c":{},"b":2}]}]]'),
  'a key twice, once with an escape': data('{"a":1,"\\u0061":2}'),
  'a key twice, both with escapes': data('{"\\u00e9":1,"\\u00E9":2}'),
  'a key twice, once as a surrogate pair': data('{"😀":1,"\\ud83d\\ude00":2}'),
  'a key twice, with a slash': data('{"/":1,"\\/":2}'),
  'the empty key twice': data('{"":1,"":2}'),
  'a whole number as a key twice': data('{"1":1,"1":2}'),

  __proto__: data('{"__proto__":{"x":1}}'),
  '__proto__ with an escape': data('{"__pr\\u006fto__":{"x":1}}'),
  '__proto__ all in escapes': data(
    '{"\\u005f\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f\\u005f":1}',
  ),
  '__proto__ as a member of the envelope': SAMPLE_REQUEST.replace('{', '{"__proto__": {},'),
  '__proto__ as a member of data': member('"__proto__": null'),
  '__proto__ beside __proto__': '{"__proto__":1,"__proto__":2}',
  'constructor.prototype': data('{"constructor":{"prototype":{"x":1}}}'),
  'constructor.prototype with escapes': data('{"c\\u006fnstructor":{"\\u0070rototype":1}}'),

  '65 levels': '['.repeat(65) + ']'.repeat(65),
  '65 levels within data': data('['.repeat(63) + ']'.repeat(63)),
  '18,000 levels': '['.repeat(18_000),
  '18,000 levels, closed': '['.repeat(9_000) + ']'.repeat(9_000),
  '4,000 levels of objects': '{"a":'.repeat(4_000),

  'a whole number beyond 2^53': data('9007199254740993'),
  'a fraction of too many digits': data('0.1234567890123456789'),
  'a number too large': data('1e400'),
  'a number too small': data('1e-400'),
  'a number of 10,000 digits': data('1'.repeat(10_000)),
  'an exponent of 10,000 digits': data(`1e${'9'.repeat(10_000)}`),

  'U+0000 in a string': data('"a\\u0000b"'),
  'U+0000 in a key': member('"a\\u0000": 1'),
  'U+0000 as a byte': data('"a\0b"'),
  'a lone high surrogate': data('"\\ud83d"'),
  'a lone low surrogate': data('"\\ude00 x"'),
  'surrogates the wrong way round': data('"\\ude00\\ud83d"'),
  'a lone surrogate in a key': member('"\\uD800": 1'),
};

const VALID: Readonly<Record<string, string>> = {
  '64 levels': data('['.repeat(62) + ']'.repeat(62)),
  'a surrogate pair': data('"\\ud83d\\ude00"'),
  'the same key in objects side by side': data('[{"a":1},{"a":1}]'),
  'keys that differ in letter case': data('{"a":1,"A":1}'),
  'keys that look alike': data('{"é":1,"e\u0301":1}'),
  'keys that objects have by nature': data('{"toString":1,"constructor":"Bob","valueOf":null}'),
  'a text that says __proto__': data('"__proto__"'),
  'white space of every kind': ` \t\r\n${SAMPLE_REQUEST}\r\n`,
  'a line separator in a string': data('"\u2028"'),
  'U+FFFF and U+FFFE, which are characters all the same': data('"\uffff\ufffe"'),
};

/** Strict JSON. */
export const JSON_BODIES: readonly Vector[] = [
  ...Object.entries(INVALID).map(([name, body]): Vector => ({
    name: `strict JSON: ${name}`,
    request: signed(body),
    ...refused(400, 'invalid_json'),
    rows: { appointment: 0 },
  })),
  ...Object.entries(VALID).map(([name, body]): Vector => ({
    name: `JSON: ${name}`,
    request: signed(body),
    status: 200,
    rows: { appointment: 1 },
  })),
];
