import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../src/errors.ts';
import { findSigningSecret, generateSignature, verifySignature } from '../src/signature.ts';
import { missingCorpus, readCorpus } from './support/corpora.ts';

interface WycheproofGroup {
  readonly tagSize: number;
  readonly tests: readonly {
    readonly tcId: number;
    readonly key: string;
    readonly msg: string;
    readonly tag: string;
    readonly result: 'valid' | 'invalid';
  }[];
}

function wycheproof(hash: string): readonly WycheproofGroup[] {
  const file = readCorpus(`wycheproof-hmac/hmac_${hash}_test.json`).toString();
  return (JSON.parse(file) as { testGroups: WycheproofGroup[] }).testGroups;
}

function rfc4231(hash: string): { key: Buffer; msg: Buffer; tag: string }[] {
  const text = readCorpus(`rfc4231/rfc-4231-${hash}.txt`).toString();
  return [
    ...text.matchAll(
      /Len = \d+\n(?:#.*\n)*Key = (\w+)\n(?:#.*\n)*Msg = (\w+)\n(?:#.*\n)*MD = (\w+)/g,
    ),
  ].map(([, key, msg, tag]) => ({
    key: Buffer.from(key!, 'hex'),
    msg: Buffer.from(msg!, 'hex'),
    tag: tag!,
  }));
}

const noRfc = missingCorpus('rfc4231');
describe.skipIf(noRfc)(`RFC 4231${noRfc ? ` (${noRfc})` : ''}`, () => {
  it('has the six cases of HMAC-SHA256', () => {
    const cases = rfc4231('sha256');
    expect(cases).toHaveLength(6);
    for (const { key, msg, tag } of cases) {
      expect(generateSignature(msg, key)).toBe(tag);
      expect(verifySignature(msg, tag, key)).toBe(true);
    }
  });

  it('takes no tag of HMAC-SHA512', () => {
    const cases = rfc4231('sha512');
    expect(cases).toHaveLength(6);
    for (const { key, msg, tag } of cases) {
      expect(verifySignature(msg, tag, key)).toBe(false);
      expect(verifySignature(msg, tag.slice(0, 64), key)).toBe(false);
    }
  });
});

const noWycheproof = missingCorpus('wycheproof-hmac');
describe.skipIf(noWycheproof)(`Wycheproof${noWycheproof ? ` (${noWycheproof})` : ''}`, () => {
  it('judges every full-length tag rightly, and refuses every truncated one', () => {
    let full = 0;
    let truncated = 0;
    for (const group of wycheproof('sha256')) {
      for (const { tcId, key, msg, tag, result } of group.tests) {
        const secret = Buffer.from(key, 'hex');
        // A vector with an empty key is a secret we refuse to be configured with.
        if (secret.length === 0) {
          expect(() => verifySignature(Buffer.from(msg, 'hex'), tag, secret)).toThrow(
            ConfigurationError,
          );
          continue;
        }
        const expected = group.tagSize === 256 && result === 'valid';
        expect(verifySignature(Buffer.from(msg, 'hex'), tag, secret), `case ${String(tcId)}`).toBe(
          expected,
        );
        if (group.tagSize === 256) full++;
        else truncated++;
      }
    }
    expect(full).toBeGreaterThan(80);
    expect(truncated).toBeGreaterThan(80);
  });

  it('takes no tag of HMAC-SHA512', () => {
    let seen = 0;
    for (const group of wycheproof('sha512')) {
      for (const { key, msg, tag } of group.tests) {
        if (key === '') continue;
        seen++;
        expect(verifySignature(Buffer.from(msg, 'hex'), tag, Buffer.from(key, 'hex'))).toBe(false);
      }
    }
    expect(seen).toBeGreaterThan(160);
  });
});

describe('generateSignature', () => {
  it("is that of the document's Node snippet", () => {
    const secret = 'your_shared_secret';
    const payload = JSON.stringify({ event_id: 'evt_1', name: 'Ünïcode ✓' });
    const signature = createHmac('sha256', secret).update(payload).digest('hex');
    expect(generateSignature(payload, secret)).toBe(signature);
    expect(generateSignature(Buffer.from(payload), Buffer.from(secret))).toBe(signature);
    expect(verifySignature(payload, signature, secret)).toBe(true);
  });

  it.each([{ event_id: 'evt_1' }, null, 7, ['x']])('takes no object: %j', (body) => {
    expect(() => generateSignature(body as unknown as string, 's')).toThrow(TypeError);
    expect(() => generateSignature(body as unknown as string, 's')).toThrow(/serializeEvent/);
  });

  it.each([
    '',
    '  ',
    '\t\r\n',
    '\u00a0\ufeff',
    '\0',
    new Uint8Array(),
    new Uint8Array(32),
    Buffer.from(' \r\n'),
    Buffer.from('\t'),
    undefined,
    null,
    7,
    {},
  ])('takes no empty secret: %j', (secret) => {
    expect(() => generateSignature('x', secret as string)).toThrow(ConfigurationError);
    expect(() => verifySignature('x', 'y', secret as string)).toThrow(ConfigurationError);
    expect(() => verifySignature('x', 'y', [secret as string])).toThrow(ConfigurationError);
    expect(() => verifySignature('x', 'y', { secret: secret as string })).toThrow(
      ConfigurationError,
    );
  });
});

describe('verifySignature', () => {
  const body = '{"event_id":"evt_1"}';
  const good = generateSignature(body, 'secret');

  it('ignores the letter case of the hex', () => {
    expect(verifySignature(body, good.toUpperCase(), 'secret')).toBe(true);
  });

  it.each([
    ['63 digits', good.slice(1)],
    ['65 digits', `${good}0`],
    ['not hex', `${good.slice(0, 63)}g`],
    ['é and 63 hex', `é${good.slice(1)}`],
    ['a trailing NUL', `${good}\0`],
    ['a trailing newline', `${good}\n`],
    ['two, joined', `${good},${good}`],
    ['a prefix', `sha256=${good}`],
    ['empty', ''],
    ['another body', generateSignature(`${body} `, 'secret')],
    ['another secret', generateSignature(body, 'secret2')],
    ['the tag in base64', Buffer.from(good, 'hex').toString('base64')],
    ['an array', [good]],
    ['a number', 7],
    ['undefined', undefined],
    ['null', null],
    ['an object', { toString: () => good }],
  ])('refuses %s', (_, signature) => {
    expect(verifySignature(body, signature, 'secret')).toBe(false);
  });

  it('is false, and no exception, for a body that is neither text nor bytes', () => {
    expect(verifySignature({} as unknown as string, good, 'secret')).toBe(false);
  });

  it('signs bytes, not text: bodies that differ in one invalid byte differ', () => {
    const a = Uint8Array.of(0x22, 0xff, 0x22);
    const b = Uint8Array.of(0x22, 0xfe, 0x22);
    expect(verifySignature(b, generateSignature(a, 'secret'), 'secret')).toBe(false);
    expect(verifySignature(a, generateSignature(a, 'secret'), 'secret')).toBe(true);
  });

  it('rotates: each secret verifies until its notAfter', () => {
    const secrets = [{ secret: 'old', notAfter: '2026-01-01T00:00:00Z' }, 'new'] as const;
    const old = generateSignature(body, 'old');
    const end = Date.parse('2026-01-01T00:00:00Z');
    expect(verifySignature(body, old, secrets, { now: end - 1 })).toBe(true);
    expect(verifySignature(body, old, secrets, { now: end })).toBe(false);
    expect(verifySignature(body, generateSignature(body, 'new'), secrets, { now: end })).toBe(true);
    expect(
      verifySignature(body, old, { secret: 'old', notAfter: new Date(end) }, { now: end - 1 }),
    ).toBe(true);
    expect(verifySignature(body, old, { secret: 'old', notAfter: '2000-01-01T00:00:00Z' })).toBe(
      false,
    );
  });

  it('refuses to be configured with no secret, or with a notAfter that is no date', () => {
    expect(() => verifySignature(body, good, [])).toThrow(ConfigurationError);
    expect(() => verifySignature(body, good, [])).toThrow('At least one secret is needed.');
    expect(() => verifySignature(body, good, ' ')).toThrow(
      /must be a string or bytes, and neither empty nor blank/,
    );
    expect(() => verifySignature(body, good, { secret: 's', notAfter: 'soon' })).toThrow(
      /notAfter must be a Date, or RFC 3339/,
    );
    for (const notAfter of ['soon', '2099-01-01', '2099-01-01T00:00:00', new Date(NaN), null, 7]) {
      const secret = { secret: 's', notAfter: notAfter as Date };
      expect(() => verifySignature(body, good, secret)).toThrow(ConfigurationError);
    }
  });
});

describe('findSigningSecret', () => {
  const body = '{"event_id":"evt_1"}';
  const end = '2026-01-01T05:30:00+05:30';
  const now = Date.parse(end);
  const secrets = [
    'new',
    { secret: 'old', notAfter: end },
    { secret: 'both', notAfter: end },
    'both',
  ];
  const find = (secret: string, at: number) =>
    findSigningSecret(body, generateSignature(body, secret), secrets, { now: at });

  it('tells which secret it was, in UTC until when, and whether that has passed', () => {
    const notAfter = '2026-01-01T00:00:00.000Z';
    expect(find('new', now)).toEqual({ index: 0, notAfter: null, isExpired: false });
    expect(find('old', now - 1)).toEqual({ index: 1, notAfter, isExpired: false });
    expect(find('old', now)).toEqual({ index: 1, notAfter, isExpired: true });
  });

  it('tells of equal secrets the one that ends last, wherever it stands', () => {
    expect(find('both', now + 1)).toEqual({ index: 3, notAfter: null, isExpired: false });
    const late = { secret: 'x', notAfter: new Date(now + 1) };
    const list = [late, { secret: 'x', notAfter: end }];
    const found = findSigningSecret(body, generateSignature(body, 'x'), list, { now });
    expect(found).toEqual({ index: 0, notAfter: late.notAfter.toISOString(), isExpired: false });
  });

  it('finds none for a signature of none, or for what is no signature', () => {
    expect(find('other', 0)).toBeUndefined();
    expect(findSigningSecret(body, [generateSignature(body, 'new')], secrets)).toBeUndefined();
    expect(() => findSigningSecret(body, '', [])).toThrow(ConfigurationError);
  });

  it('goes by the clock of now where it is given none', () => {
    const signature = generateSignature(body, 'x');
    const until = (notAfter: number) =>
      findSigningSecret(body, signature, { secret: 'x', notAfter: new Date(notAfter) })?.isExpired;
    expect([until(Date.now() + 3_600_000), until(Date.now() - 1)]).toEqual([false, true]);
  });
});
