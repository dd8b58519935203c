import * as crypto from 'node:crypto';
import { Buffer } from 'node:buffer';

/** Bytes of a block of SHA-256, and of its digest. */
const BLOCK = 64;
const DIGEST = 32;

/** The largest body that is copied behind the key; beyond it the copy costs more than it saves. */
const COPIED = 16_384;

/**
 * SHA-256 in one call, which Node has from 20.12 on: for a body of an event's size it takes a third
 * of the time that an Hmac object does, most of which goes into making and ending the object.
 * In FIPS mode HMAC must be OpenSSL's own.
 */
const oneShot =
  (crypto as Partial<typeof crypto>).getFips?.() === 1
    ? undefined
    : (crypto as Partial<typeof crypto>).hash;

// Nothing here awaits, so one pair of buffers serves every call.
const inner = Buffer.alloc(BLOCK + COPIED);
const outer = Buffer.alloc(BLOCK + DIGEST);

/**
 * HMAC-SHA256 (RFC 2104) as 64 lower-case hex digits.
 *
 * @param key - The secret; a string counts as its UTF-8 bytes.
 * @param body - What is authenticated; a string counts as its UTF-8 bytes.
 */
export function hmacSha256(key: Uint8Array | string, body: Uint8Array | string): string {
  if (oneShot === undefined || mostBytes(body) > COPIED || mostBytes(key) > COPIED) {
    // With the bytes themselves as key, Node 24 takes a third longer.
    const secret = typeof key === 'string' ? key : crypto.createSecretKey(key);
    return crypto.createHmac('sha256', secret).update(body).digest('hex');
  }
  try {
    pad(key, oneShot);
    const length = typeof body === 'string' ? inner.write(body, BLOCK) : put(body, BLOCK);
    // Digests travel as text, a byte a character: making a Buffer takes longer than hashing an event.
    outer.write(oneShot('sha256', inner.subarray(0, BLOCK + length), 'binary'), BLOCK, 'latin1');
    return oneShot('sha256', outer, 'hex');
  } finally {
    // A host that wipes its key must not find it here; one longer than a block stood there whole.
    inner.fill(0, 0, Math.max(BLOCK, mostBytes(key)));
    outer.fill(0, 0, BLOCK);
  }
}

/** A character of a string becomes three bytes at most. */
function mostBytes(content: Uint8Array | string): number {
  return typeof content === 'string' ? content.length * 3 : content.length;
}

/** Writes the key's two blocks: padded with zeros, and changed by the constants of RFC 2104. */
function pad(key: Uint8Array | string, hash: typeof crypto.hash): void {
  let length = typeof key === 'string' ? inner.write(key) : put(key, 0);
  if (length > BLOCK) {
    length = inner.write(hash('sha256', inner.subarray(0, length), 'binary'), 'latin1');
  }
  for (let i = 0; i < BLOCK; i++) {
    const byte = i < length ? (inner[i] as number) : 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
}

function put(bytes: Uint8Array, at: number): number {
  inner.set(bytes, at);
  return bytes.length;
}

const expected = Buffer.alloc(2 * DIGEST);
const given = Buffer.alloc(2 * DIGEST);

/**
 * Whether a text is a digest in hex, whatever the case of its letters. What it holds does not show
 * in the time it takes.
 *
 * @param digest - 64 lower-case hex digits.
 * @param text - What a stranger sent.
 */
export function isDigest(digest: string, text: string): boolean {
  if (text.length !== 2 * DIGEST) return false;
  expected.write(digest, 'latin1');
  // As UTF-8, where no other character has the bytes of a digit; one that has no room at the end is
  // left out, and what stood there before must not count.
  const length = given.write(text.toLowerCase());
  return length === 2 * DIGEST && crypto.timingSafeEqual(expected, given);
}
