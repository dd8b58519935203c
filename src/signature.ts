import { ConfigurationError } from './errors.ts';
import { hmacSha256, isDigest } from './hmac.ts';
import { parseTimestamp } from './timestamp.ts';

/** A shared secret; a string is used as its UTF-8 bytes. */
export type Secret = string | Uint8Array;

/** A secret that is being rotated out. */
export interface ExpiringSecret {
  readonly secret: Secret;
  /** From this moment on the secret verifies nothing: a Date, or RFC 3339. */
  readonly notAfter?: Date | string;
}

/** What {@link verifySignature} accepts as secrets. */
export type Secrets = Secret | ExpiringSecret | readonly (Secret | ExpiringSecret)[];

/**
 * Computes the `Buktor-Signature` of a body: HMAC-SHA256 (RFC 2104) over its exact bytes, as 64
 * lower-case hex digits. Section 6 of the HIS Webhook document.
 *
 * @example
 * ```ts
 * import { generateSignature } from '@buktor/his-webhook';
 *
 * headers['Buktor-Signature'] = generateSignature(body, secret);
 * ```
 *
 * @param body - What is sent: bytes, or a string (signed as its UTF-8 bytes).
 * @param secret - The shared secret.
 * @throws TypeError if `body` is an object: what is signed must be what is sent, so serialise it
 *   once with {@link serializeEvent} and sign and send that string.
 * @throws ConfigurationError if the secret is empty.
 */
export function generateSignature(body: Uint8Array | string, secret: Secret): string {
  if (!isBody(body)) {
    throw new TypeError(
      'generateSignature takes bytes or a string. Serialise the event once with serializeEvent(event), then sign and send that same string.',
    );
  }
  assertSecret(secret);
  return hmacSha256(secret, body);
}

/**
 * Tells whether a `Buktor-Signature` is that of the body, in constant time.
 *
 * The signature must be exactly 64 hex digits in either case; anything else is `false`, never an
 * exception, whatever a stranger sent. All secrets are tried, whichever matches.
 *
 * @example
 * ```ts
 * import { verifySignature } from '@buktor/his-webhook';
 *
 * if (!verifySignature(rawBody, request.headers['buktor-signature'], secret)) return 401;
 * ```
 *
 * @param body - The exact bytes that arrived (a string counts as its UTF-8 bytes). A parsed body
 *   that is serialised again has other bytes.
 * @param signature - The header's value, as it came.
 * @param secrets - One secret or several (rotation), each with an optional `notAfter`.
 * @param options - `now`: milliseconds since 1970, `Date.now()` by default.
 * @throws ConfigurationError if there is no secret, one is empty, or a `notAfter` is no date.
 */
export function verifySignature(
  body: Uint8Array | string,
  signature: unknown,
  secrets: Secrets,
  options?: { readonly now?: number },
): boolean {
  return matchesSignature(body, signature, compileSecrets(secrets), options?.now ?? Date.now());
}

/** A secret that was checked, with the moment it ends in milliseconds since 1970. */
export interface CompiledSecret {
  readonly key: Secret;
  readonly notAfter: number;
}

/** Checks secrets once, so that {@link matchesSignature} need not. */
export function compileSecrets(secrets: Secrets): readonly CompiledSecret[] {
  const list = isList(secrets) ? secrets : [secrets];
  if (list.length === 0) throw new ConfigurationError('At least one secret is needed.');
  return list.map(compileSecret);
}

/** {@link verifySignature} for secrets that are compiled. */
export function matchesSignature(
  body: Uint8Array | string,
  signature: unknown,
  secrets: readonly CompiledSecret[],
  now: number,
): boolean {
  if (typeof signature !== 'string' || !isBody(body)) return false;
  let matches = false;
  for (const { key, notAfter } of secrets) {
    // No early exit: the time must not tell which secret it was.
    if (isDigest(hmacSha256(key, body), signature) && now < notAfter) matches = true;
  }
  return matches;
}

function isBody(body: unknown): body is Uint8Array | string {
  return typeof body === 'string' || body instanceof Uint8Array;
}

function isList(secrets: Secrets): secrets is readonly (Secret | ExpiringSecret)[] {
  return Array.isArray(secrets);
}

function compileSecret(entry: Secret | ExpiringSecret): CompiledSecret {
  if (typeof entry === 'string' || entry instanceof Uint8Array) {
    assertSecret(entry);
    return { key: entry, notAfter: Infinity };
  }
  const { secret, notAfter } = (entry as ExpiringSecret | null | undefined) ?? {};
  assertSecret(secret);
  if (notAfter === undefined) return { key: secret, notAfter: Infinity };
  const end =
    typeof notAfter === 'string'
      ? parseTimestamp(notAfter)?.epochMillis
      : (notAfter as unknown) instanceof Date
        ? notAfter.getTime()
        : undefined;
  if (end === undefined || Number.isNaN(end)) {
    throw new ConfigurationError("A secret's notAfter must be a Date, or RFC 3339 with an offset.");
  }
  return { key: secret, notAfter: end };
}

function assertSecret(secret: unknown): asserts secret is Secret {
  const usable =
    typeof secret === 'string'
      ? secret.trim() !== ''
      : secret instanceof Uint8Array && secret.length > 0;
  if (!usable) throw new ConfigurationError('A secret must be a string or bytes, and not empty.');
}
