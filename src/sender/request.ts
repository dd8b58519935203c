import { type Envelope, serializeEvent } from '../events.ts';
import { ConfigurationError } from '../errors.ts';
import { generateSignature, type Secret } from '../signature.ts';

/** What a signed request is made of. */
export interface SignRequestOptions {
  /** The event, or a body that was serialised before. */
  readonly event: Envelope<object> | string | Uint8Array;
  /** The bearer token. */
  readonly token: string;
  readonly secret: Secret;
}

/** What to hand to an HTTP client. Send the body as it is: the signature is over its bytes. */
export interface SignedRequest {
  readonly method: 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/**
 * Builds the signed request for an event, for those who bring their own HTTP client.
 *
 * @example
 * ```ts
 * import { signRequest } from '@buktor/his-webhook';
 *
 * await fetch('https://api.buktor.com/his/receive', signRequest({ event, token, secret }));
 * ```
 *
 * @throws ConfigurationError if the token cannot stand in a header, or the secret is empty.
 */
export function signRequest({ event, token, secret }: SignRequestOptions): SignedRequest {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigurationError('A bearer token must be visible ASCII, and not empty.');
  }
  const body =
    typeof event === 'string'
      ? event
      : event instanceof Uint8Array
        ? new Uint8Array(event)
        : serializeEvent(event);
  return {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${token}`,
      'Buktor-Signature': generateSignature(body, secret),
    },
    body,
  };
}
