import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
