import type * as NodeCrypto from 'node:crypto';
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hmacSha256, isDigest } from '../src/hmac.ts';

const oracle = (key: Uint8Array | string, body: Uint8Array | string) =>
  createHmac('sha256', key).update(body).digest('hex');

describe('hmacSha256', () => {
  // Around a block, and around the size from which Node's own Hmac does it.
  const sizes = [0, 1, 63, 64, 65, 128, 5_461, 5_462, 16_383, 16_384, 16_385, 100_000];

  it.each(sizes)('is that of node:crypto for bodies of %i', (size) => {
    for (const key of ['k', 'ключ', 'x'.repeat(64), Buffer.alloc(65, 1), new Uint8Array(32)]) {
      for (const body of [Buffer.alloc(size, 7), 'a'.repeat(size), '€'.repeat(size)]) {
        expect(hmacSha256(key, body)).toBe(oracle(key, body));
      }
    }
  });

  it.each(sizes.slice(1))('is that of node:crypto for keys of %i', (size) => {
    for (const key of [Buffer.alloc(size, 7), 'a'.repeat(size), '€'.repeat(size)]) {
      expect(hmacSha256(key, 'a body')).toBe(oracle(key, 'a body'));
    }
  });

  it('leaves nothing of one call for the next', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const key = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 130 }), fc.string());
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.oneof(bytes, fc.string({ unit: 'binary' })))),
        (calls) => {
          for (const [secret, body] of calls) {
            expect(hmacSha256(secret, body)).toBe(oracle(secret, body));
          }
        },
      ),
    );
  });

  it('takes a view into a larger buffer for what it shows', () => {
    const bytes = Buffer.from('--secret--body--');
    expect(hmacSha256(bytes.subarray(2, 8), bytes.subarray(10, 14))).toBe(oracle('secret', 'body'));
  });
});

type Crypto = typeof NodeCrypto;

/** The module on a Node whose `node:crypto` differs from ours. */
async function onNode(change: (crypto: Crypto) => object) {
  vi.resetModules();
  vi.doMock('node:crypto', async (importOriginal) => {
    const crypto = await importOriginal<Crypto>();
    return { ...crypto, ...change(crypto) };
  });
  return (await import('../src/hmac.ts')).hmacSha256;
}

describe('both ways of hmacSha256', () => {
  afterEach(() => {
    vi.doUnmock('node:crypto');
  });

  /** Counts what each way calls. */
  const counted = (changes: object) => {
    const calls = { hash: 0, createHmac: 0 };
    const change = (crypto: Crypto) => ({
      hash: (...args: Parameters<Crypto['hash']>) => (calls.hash++, crypto.hash(...args)),
      createHmac: (...args: Parameters<Crypto['createHmac']>) => (
        calls.createHmac++,
        crypto.createHmac(...args)
      ),
      ...changes,
    });
    return { calls, change };
  };

  it.each<[string, object, 'hash' | 'createHmac']>([
    ['by one-shot hashes', {}, 'hash'],
    ['by them where Node does not tell of FIPS', { getFips: undefined }, 'hash'],
    ['by OpenSSL in FIPS mode', { getFips: () => 1 }, 'createHmac'],
    ['by createHmac where Node has no one-shot hash', { hash: undefined }, 'createHmac'],
  ])('give the same %s', async (_, changes, way) => {
    const { calls, change } = counted(changes);
    const hmac = await onNode(change);
    for (let size = 0; size <= 200; size++) {
      // Bytes, and text whose characters have one to four bytes; a lone surrogate becomes three.
      const bytes = Buffer.alloc(size, `key ${String(size)} €😀`);
      const texts = ['k'.repeat(size), 'é'.repeat(size), '€'.repeat(size), '😀'.repeat(size)];
      for (const key of [bytes, ...texts, `\ud800${'k'.repeat(size)}`]) {
        expect(hmac(key, 'a body, ä')).toBe(oracle(key, 'a body, ä'));
        expect(hmac('a key, ä', key)).toBe(oracle('a key, ä', key));
        expect(hmac(typeof key === 'string' ? Buffer.from(key) : key, '')).toBe(oracle(key, ''));
      }
    }
    expect(calls[way]).toBeGreaterThan(0);
    expect(calls[way === 'hash' ? 'createHmac' : 'hash']).toBe(0);
  });

  it.each([
    ['bytes', (count: number) => Buffer.alloc(count, 7), 16_384],
    ['text', (count: number) => 'a'.repeat(count), 5_461],
    ['text of three bytes a character', (count: number) => '€'.repeat(count), 5_461],
    ['text of four bytes a pair', (count: number) => '😀'.repeat(count / 2), 5_460],
  ])('change over where %s might not fit', async (_, make, most) => {
    const { calls, change } = counted({});
    const hmac = await onNode(change);
    expect(hmac('key', make(most))).toBe(oracle('key', make(most)));
    expect(calls).toEqual({ hash: 2, createHmac: 0 });
    for (const body of [make(most + 2), make(most + 1000)]) {
      expect(hmac('key', body)).toBe(oracle('key', body));
    }
    expect(calls).toEqual({ hash: 2, createHmac: 2 });
  });

  const keys = {
    'of text': 'a key that must not stay',
    'of bytes': Buffer.from('a key that must not stay'),
    'of a block': 'a key that must not stay'.padEnd(64, '!'),
    'longer than a block': 'a key that must not stay'.padEnd(200, '€'),
    'of bytes, longer than a block': Buffer.alloc(16_384, 'a key that must not stay'),
  };

  /** What the module's buffers hold, as it hands them over to be hashed. */
  async function watched() {
    const buffers = new Set<ArrayBufferLike>();
    const state = { callsLeft: Infinity };
    const hmac = await onNode((crypto) => ({
      hash: (...args: Parameters<Crypto['hash']>) => {
        buffers.add((args[1] as Buffer).buffer);
        if (state.callsLeft-- === 0) throw new Error('out of memory');
        return crypto.hash(...args);
      },
    }));
    // A call shows both buffers.
    hmac('another', 'body');
    expect(buffers.size).toBe(2);
    const held = () => Buffer.concat([...buffers].map((buffer) => Buffer.from(buffer)));
    return { hmac, held, state };
  }

  /** The key as it is, and as RFC 2104 changes it; every piece of a few bytes gives it away. */
  function expectNothingOf(key: Uint8Array | string, held: Buffer) {
    expect(held.length).toBeGreaterThan(64);
    const bytes = Buffer.from(key as string);
    const digest = createHash('sha256').update(bytes).digest();
    for (const secret of [bytes, digest]) {
      for (const change of [0, 0x36, 0x5c]) {
        const changed = Buffer.from(secret.map((byte) => byte ^ change));
        for (let at = 0; at + 4 <= Math.min(changed.length, 300); at++) {
          expect(
            held.includes(changed.subarray(at, at + 4)),
            `${String(change)} ${String(at)}`,
          ).toBe(false);
        }
      }
    }
    // Padding tells how long the key was.
    expect(held.includes(Buffer.alloc(4, 0x36)) || held.includes(Buffer.alloc(4, 0x5c))).toBe(
      false,
    );
  }

  it.each(Object.entries(keys))('leave nothing of a key %s behind', async (_, key) => {
    const { hmac, held } = await watched();
    for (const body of ['', 'b', 'a body of some length '.repeat(10)]) {
      expect(hmac(key, body)).toBe(oracle(key, body));
      expectNothingOf(key, held());
    }
  });

  it.each(Object.entries(keys))(
    'leave nothing of a key %s behind that could not be used',
    async (_, key) => {
      const { hmac, held, state } = await watched();
      const isLong = Buffer.byteLength(key) > 64;
      for (let calls = 0; calls < (isLong ? 3 : 2); calls++) {
        state.callsLeft = calls;
        expect(() => hmac(key, 'b')).toThrow('out of memory');
        expectNothingOf(key, held());
      }
      state.callsLeft = Infinity;
      expect(hmac(key, 'b')).toBe(oracle(key, 'b'));
    },
  );
});

describe('isDigest', () => {
  const digest = oracle('key', 'body');

  it('ignores the case of letters, and of nothing else', () => {
    expect(isDigest(digest, digest)).toBe(true);
    expect(isDigest(digest, digest.toUpperCase())).toBe(true);
    for (let at = 0; at < 64; at++) {
      for (let code = 0; code < 0x250; code++) {
        const text = digest.slice(0, at) + String.fromCharCode(code) + digest.slice(at + 1);
        expect(isDigest(digest, text)).toBe(text.toLowerCase() === digest);
      }
    }
  });

  it('does not take what another text left behind for its end', () => {
    expect(isDigest(digest, digest)).toBe(true);
    // 63 digits, and one character that has no room.
    for (const end of ['é', '€', '\ud800', String.fromCharCode(0x100 + digest.charCodeAt(63))]) {
      expect(isDigest(digest, digest.slice(0, 63) + end)).toBe(false);
    }
    expect(isDigest(digest, digest.slice(0, 62) + '😀')).toBe(false);
  });

  it.each([0, 63, 65])('takes no text of %i characters', (length) => {
    expect(isDigest(digest, digest.repeat(2).slice(0, length))).toBe(false);
  });
});
