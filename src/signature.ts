import { ConfigurationError } from './errors.ts';
import { hmacSha256, isDigest } from './hmac.ts';
import { parseTimestamp } from './timestamp.ts';
import { warnOfOuterSpace, warnOfShortSecret } from './weak-secrets.ts';

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
 * @throws ConfigurationError if the secret is empty or blank.
 */
export function generateSignature(body: Uint8Array | string, secret: Secret): string {
  if (!isBody(body)) {
    throw new TypeError(
      'generateSignature takes bytes or a string. Serialise the event once with serializeEvent(event), then sign and send that same string.',
    );
  }
  assertSecret(secret);
  warnOfOuterSpace(secret, 'A shared secret');
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
 * @throws ConfigurationError if there is no secret, one is empty or blank, or a `notAfter` is no date.
 */
export function verifySignature(
  body: Uint8Array | string,
  signature: unknown,
  secrets: Secrets,
  options?: { readonly now?: number },
): boolean {
  return isInForce(findSigningSecret(body, signature, secrets, options));
}

/** The secret a signature was made with. It is told by its place, never by itself. */
export interface SigningSecret {
  /** Its place in the list of secrets, from 0; 0 where there is only one. */
  readonly index: number;
  /** When it stops verifying, RFC 3339 in UTC; `null` for a secret that is not being rotated out. */
  readonly notAfter: string | null;
  /** Its `notAfter` has passed: the signature is refused all the same. */
  readonly isExpired: boolean;
}

/**
 * {@link verifySignature} that tells which of several secrets it was, so that the end of a rotation
 * can be seen: who still signs with the old one, and whose signature is refused because it ended.
 *
 * @example
 * ```ts
 * import { findSigningSecret } from '@buktor/his-webhook';
 *
 * const rotation = ['the new secret', { secret: 'the old secret', notAfter: '2026-04-01T00:00:00Z' }];
 * const signedWith = findSigningSecret(rawBody, request.headers['buktor-signature'], rotation);
 * if (signedWith === undefined || signedWith.isExpired) return 401;
 * if (signedWith.notAfter !== null) console.warn(`Still the old secret: ${signedWith.notAfter}`);
 * ```
 *
 * @param body - As for {@link verifySignature}, like everything else.
 * @returns The secret, also where it has expired; `undefined` where none matches. Of several that
 *   are equal, the one that ends last.
 * @throws ConfigurationError as {@link verifySignature} does.
 */
export function findSigningSecret(
  body: Uint8Array | string,
  signature: unknown,
  secrets: Secrets,
  options?: { readonly now?: number },
): SigningSecret | undefined {
  return matchSecret(body, signature, compileSecrets(secrets), options?.now ?? Date.now());
}

/** A secret that was checked, with the moment it ends in milliseconds since 1970. */
export interface CompiledSecret {
  readonly key: Secret;
  readonly notAfter: number;
}

/**
 * Checks secrets once, so that {@link matchSecret} need not.
 *
 * @param owner - Whose they are, where they are configured: short ones are warned of then. A single
 *   call of a function configures nothing, and may be a trial.
 */
export function compileSecrets(secrets: Secrets, owner?: string): readonly CompiledSecret[] {
  const list = isList(secrets) ? secrets : [secrets];
  if (list.length === 0) throw new ConfigurationError('At least one secret is needed.');
  const compiled = list.map(compileSecret);
  for (const { key } of compiled) {
    warnOfOuterSpace(key, owner ?? 'A shared secret');
    if (owner !== undefined) warnOfShortSecret(key, owner);
  }
  return compiled;
}

/** {@link findSigningSecret} for secrets that are compiled. */
export function matchSecret(
  body: Uint8Array | string,
  signature: unknown,
  secrets: readonly CompiledSecret[],
  now: number,
): SigningSecret | undefined {
  if (typeof signature !== 'string' || !isBody(body)) return undefined;
  let found = -1;
  let end = -Infinity;
  for (let index = 0; index < secrets.length; index++) {
    const { key, notAfter } = secrets[index] as CompiledSecret;
    // No early exit: the time must not tell which secret it was.
    if (!isDigest(hmacSha256(key, body), signature) || (found >= 0 && notAfter <= end)) continue;
    found = index;
    end = notAfter;
  }
  if (found < 0) return undefined;
  const isExpired = now >= end;
  return {
    index: found,
    notAfter: end === Infinity ? null : new Date(end).toISOString(),
    isExpired,
  };
}

/** Whether a signature was found to be of a secret that still counts. */
export function isInForce(signedWith: SigningSecret | undefined): boolean {
  return signedWith !== undefined && !signedWith.isExpired;
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
      ? /[^\s\0]/.test(secret)
      : secret instanceof Uint8Array && secret.some(isKeyByte);
  if (!usable) {
    throw new ConfigurationError(
      'A secret must be a string or bytes, and neither empty nor blank.',
    );
  }
}

/** HMAC fills a key up with zeros, so one of zeros only is the empty one; so is what a file of blanks holds. */
function isKeyByte(byte: number): boolean {
  return byte !== 0 && byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d;
}
