import { type Envelope, IDENTIFIER_PATTERN, serializeEvent } from '../events.ts';
import { ConfigurationError } from '../errors.ts';
import { generateSignature, type Secret } from '../signature.ts';

/** What a signed request is made of. */
export interface SignRequestOptions {
  /** The event, or a body that was serialised before. */
  readonly event: Envelope<object> | string | Uint8Array;
  /** The bearer token. */
  readonly token: string;
  readonly secret: Secret;
  /** Sent as `Client-ID`; the receiver refuses it where it is not the token's. */
  readonly clientId?: string;
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
 * @throws ConfigurationError if the token or the Client-ID cannot stand in a header, or the secret is empty.
 */
export function signRequest(options: SignRequestOptions): SignedRequest {
  const { event, token, secret, clientId } = options;
  if (typeof (token as unknown) !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigurationError('A bearer token must be visible ASCII, and not empty.');
  }
  if (clientId !== undefined && !IDENTIFIER_PATTERN.test(clientId)) {
    throw new ConfigurationError('A Client-ID must be 1 to 255 visible ASCII characters.');
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
      ...(clientId === undefined ? {} : { 'Client-ID': clientId }),
    },
    body,
  };
}
