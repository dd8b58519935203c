import { createHmac } from 'node:crypto';
import { SAMPLE_CURL_BODY, SAMPLE_REQUEST } from '../../support/document.ts';
import { SECRET, signedHeaders } from '../../support/receiver.ts';
import { LIMITS, OLD_SECRET, refused, signed, UNAUTHORIZED, type Vector } from './kit.ts';

const good = signedHeaders(SAMPLE_REQUEST)['buktor-signature']!;
const tag = (hash: string, encoding: 'hex' | 'base64' = 'hex') =>
  createHmac(hash, SECRET).update(SAMPLE_REQUEST).digest(encoding);
/** What a character is on the wire in UTF-8, as Latin-1. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

/** Signatures that are none, each made of the right one where that can be. */
export const BAD_SIGNATURES: Readonly<Record<string, string | readonly string[] | undefined>> = {
  missing: undefined,
  empty: '',
  blank: ' \t ',
  'of other bytes': signedHeaders(`${SAMPLE_REQUEST} `)['buktor-signature']!,
  'of another secret': createHmac('sha256', `${SECRET} `).update(SAMPLE_REQUEST).digest('hex'),
  'of a secret that has ended': createHmac('sha256', OLD_SECRET)
    .update(SAMPLE_REQUEST)
    .digest('hex'),
  zeros: '0'.repeat(64),
  'with one digit changed': `${good.slice(0, 63)}${good.endsWith('0') ? '1' : '0'}`,
  'of 63 digits': good.slice(1),
  'of 65 digits': `${good}0`,
  'of 65 digits, a zero before': `0${good}`,
  'of 128 digits': good + good,
  'of 12,000 digits': good.repeat(190),
  'with a letter that is not hex': `${good.slice(0, 63)}g`,
  'with é in UTF-8 for a digit': utf8(`é${good.slice(1)}`),
  'with é in Latin-1 for a digit': `\xe9${good.slice(1)}`,
  'with full-width digits': utf8(`${good.slice(0, 63)}\uff10`),
  'with a blank within': `${good.slice(0, 32)} ${good.slice(32)}`,
  'twice, joined by a comma': `${good},${good}`,
  'twice, joined by a comma and a blank': `${good}, ${good}`,
  'with a comma after': `${good},`,
  'in quotes': `"${good}"`,
  'with 0x before': `0x${good}`,
  'with sha256= before': `sha256=${good}`,
  'with SHA256= before': `SHA256=${good}`,
  'with hmac-sha256: before': `hmac-sha256:${good}`,
  "as Stripe's": `t=1736337600,v1=${good}`,
  'in base64': tag('sha256', 'base64'),
  'with the tag of MD5': tag('md5'),
  'with the tag of SHA-1': tag('sha1'),
  'with the tag of SHA-384': tag('sha384'),
  'with the tag of SHA-512': tag('sha512'),
  'with the tag of SHA-512, cut to 64 digits': tag('sha512').slice(0, 64),
  'with the tag of SHA-512/256': tag('sha512-256'),
  'with the tag of SHA3-256': tag('sha3-256'),
  'on two lines, both right': [good, good],
  'on two lines, the first right': [good, '0'.repeat(64)],
  'on two lines, the second right': ['', good],
};

/** Values of `Authorization` that name nobody. */
const BAD_TOKENS: Readonly<Record<string, string | readonly string[] | undefined>> = {
  missing: undefined,
  empty: '',
  unknown: 'Bearer nobody',
  'without a scheme': 'token-1001',
  'of another scheme': 'Basic dG9rZW4tMTAwMQ==',
  'that is a scheme only': 'Bearer',
  'that is a scheme and a blank': 'Bearer ',
  'after a tab': 'Bearer\ttoken-1001',
  'with text after it': 'Bearer token-1001 x',
  'with a comma after it': 'Bearer token-1001,',
  'with a parameter': 'Bearer token-1001;x=y',
  'in quotes': 'Bearer "token-1001"',
  'in other letters': 'Bearer TOKEN-1001',
  'with é': `Bearer ${utf8('tokén-1001')}`,
  'longer by one': 'Bearer token-10011',
  'shorter by one': 'Bearer token-100',
  'given as its digest': 'Bearer sha256:5f1c',
  'of ten thousand characters': `Bearer ${'a'.repeat(10_000)}`,
  __proto__: 'Bearer __proto__',
  'on two lines, both right': ['Bearer token-1001', 'Bearer token-1001'],
  'on two lines, the first right': ['Bearer token-1001', 'Bearer nobody'],
  'on two lines, the second right': ['', 'Bearer token-1001'],
  'twice, joined by a comma': 'Bearer token-1001, Bearer token-1001',
};

const withheld = { declared: LIMITS.bodyBytes, body: '' };

/** Who sends, and whether it is true. */
export const CREDENTIALS: readonly Vector[] = [
  ...Object.entries(BAD_TOKENS).map(([name, authorization]): Vector => ({
    name: `a token ${name}`,
    request: signed(SAMPLE_REQUEST, { authorization }),
    ...UNAUTHORIZED,
  })),
  ...['bearer token-1001', 'BEARER   token-1001', '  Bearer token-1001  '].map(
    (authorization): Vector => ({
      name: `the token as ${JSON.stringify(authorization)}`,
      request: signed(SAMPLE_REQUEST, { authorization }),
      status: 200,
    }),
  ),
  {
    name: 'an unknown token, before a body that has not come',
    request: { ...signed('', { authorization: 'Bearer nobody' }), ...withheld },
    ...UNAUTHORIZED,
  },
  {
    name: 'an unknown token, before a body that is too large',
    request: {
      ...signed('', { authorization: 'Bearer nobody' }),
      declared: LIMITS.bodyBytes + 1,
    },
    ...UNAUTHORIZED,
  },

  ...Object.entries(BAD_SIGNATURES).map(([name, signature]): Vector => ({
    name: `a signature ${name}`,
    request: signed(SAMPLE_REQUEST, { 'buktor-signature': signature }),
    ...UNAUTHORIZED,
    rows: { appointment: 0 },
  })),
  ...['empty', 'of other bytes', 'twice, joined by a comma', 'on two lines, both right'].map(
    (name): Vector => ({
      name: `a signature ${name}, from a sandbox client`,
      request: signed(SAMPLE_REQUEST, {
        authorization: 'Bearer sandbox',
        'buktor-signature': BAD_SIGNATURES[name],
      }),
      ...UNAUTHORIZED,
      rows: { appointment: 0 },
    }),
  ),
  {
    name: 'a flat body with a bad signature, from a sandbox client',
    request: signed(SAMPLE_CURL_BODY, {
      authorization: 'Bearer sandbox',
      'buktor-signature': '0'.repeat(64),
    }),
    ...UNAUTHORIZED,
  },
  {
    name: 'no JSON with a bad signature: the body is not looked at',
    request: signed('{"a":', { 'buktor-signature': '0'.repeat(64) }),
    ...UNAUTHORIZED,
  },
  {
    name: 'an invalid byte where another was signed',
    request: {
      headers: signedHeaders(Uint8Array.of(0x22, 0xfe, 0x22)),
      body: Uint8Array.of(0x22, 0xff, 0x22),
    },
    ...UNAUTHORIZED,
  },
  {
    name: 'the right signature in capitals',
    request: signed(SAMPLE_REQUEST, { 'buktor-signature': good.toUpperCase() }),
    status: 200,
  },
  {
    name: 'the right signature with blanks around it, which are not part of a header',
    request: signed(SAMPLE_REQUEST, { 'buktor-signature': ` \t${good}\t ` }),
    status: 200,
  },
  {
    name: 'the names of headers in capitals',
    request: {
      headers: Object.fromEntries(
        Object.entries(signedHeaders(SAMPLE_REQUEST)).map(([name, value]) => [
          name.toUpperCase(),
          value,
        ]),
      ),
      body: SAMPLE_REQUEST,
    },
    status: 200,
  },

  {
    name: 'a Client-ID that agrees',
    request: signed(SAMPLE_REQUEST, { 'client-id': '1001' }),
    status: 200,
  },
  ...['1002', '', '01001', '1001,', '1001, 1001', utf8('１００１')].map((id): Vector => ({
    name: `a Client-ID that does not: ${JSON.stringify(id)}`,
    request: signed(SAMPLE_REQUEST, { 'client-id': id }),
    ...refused(403, 'client_mismatch'),
  })),
  ...[
    ['1001', '1001'],
    ['1001', '1002'],
    ['', '1001'],
  ].map((ids): Vector => ({
    name: `a Client-ID on two lines: ${JSON.stringify(ids)}`,
    request: signed(SAMPLE_REQUEST, { 'client-id': ids }),
    ...refused(403, 'client_mismatch'),
  })),
  {
    name: 'a Client-ID that does not agree, with a bad signature: that comes first',
    request: signed(SAMPLE_REQUEST, { 'client-id': '1002', 'buktor-signature': '0'.repeat(64) }),
    ...UNAUTHORIZED,
  },
];
