import { createHmac, timingSafeEqual } from 'node:crypto';
import { SECRET } from '../events.ts';

/** The least that makes a signature count: an HMAC over the bytes, compared in constant time. */
export function bareVerify(body: Uint8Array, signature: string): boolean {
  const expected = createHmac('sha256', SECRET).update(body).digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'));
}

/** The floor of a receiver's work on a body: nothing is checked but the signature. */
export function bareReceive(body: Buffer, signature: string): unknown {
  if (!bareVerify(body, signature)) throw new Error('signature');
  return JSON.parse(body.toString());
}
