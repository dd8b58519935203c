import { ConfigurationError } from '../errors.ts';
import { IDENTIFIER_PATTERN } from '../events.ts';
import { sha256 } from '../json.ts';
import { type CompiledSecret, compileSecrets, type Secrets } from '../signature.ts';

/** A hospital, as its bearer token names it. */
export interface Client {
  /** The Client-ID: 1–255 visible ASCII characters. */
  readonly id: string;
  /** What verifies its signatures; several while one is being rotated out. */
  readonly secrets: Secrets;
  /**
   * `optional` makes it a sandbox client: it may leave the signature out, and may send the flat
   * body of the document's cURL. A signature that is there must still verify.
   * @default 'required'
   */
  readonly signature?: 'required' | 'optional';
}

/** Finds the client of a bearer token; `undefined` or `null` where there is none. */
export type ClientLookup = (
  token: string,
) => Promise<Client | null | undefined> | Client | null | undefined;

/** A client whose configuration was checked. */
export interface CompiledClient {
  readonly id: string;
  readonly secrets: readonly CompiledSecret[];
  readonly isSandbox: boolean;
}

/** By the client's object, for look-ups that return the same one; with what it was made of. */
const compiled = new WeakMap<Client, { readonly made: Client; readonly client: CompiledClient }>();

/**
 * Checks a client, once.
 *
 * @throws ConfigurationError if its id, its secrets or its policy could never work.
 */
export function compileClient(client: Client): CompiledClient {
  const known = compiled.get(client);
  if (known !== undefined && isAsMade(client, known.made)) return known.client;
  if (typeof client.id !== 'string' || !IDENTIFIER_PATTERN.test(client.id)) {
    throw new ConfigurationError('A client id must be 1 to 255 visible ASCII characters.');
  }
  const policy: unknown = client.signature ?? 'required';
  if (policy !== 'required' && policy !== 'optional') {
    throw new ConfigurationError("A client's signature policy is 'required' or 'optional'.");
  }
  const isSandbox = policy === 'optional';
  const result = {
    id: client.id,
    // Who may do without a signature may have a secret that is easily guessed.
    secrets: compileSecrets(
      client.secrets,
      isSandbox ? undefined : `A shared secret of client ${client.id}`,
    ),
    isSandbox,
  };
  compiled.set(client, { made: { ...client }, client: result });
  return result;
}

/** Whether a host has put another secret into an object it goes on returning. */
function isAsMade(client: Client, made: Client): boolean {
  return (
    client.secrets === made.secrets && client.id === made.id && client.signature === made.signature
  );
}

/**
 * A fixed list of clients by bearer token. Tokens are looked up by their SHA-256, so the time it
 * takes tells nothing about them.
 *
 * @example
 * ```ts
 * import { bearerTokens } from '@buktor/his-webhook';
 *
 * const clients = bearerTokens({
 *   // The digest is all that needs to be kept; `his-webhook keygen` prints it with the token.
 *   'sha256:b3dd64a4c5b06ff43d0e2a3c5f4f27a15b3a9cb6a2e0a4c6a0f6b6d9b7b3c1aa': {
 *     id: '1001',
 *     secrets: secret,
 *   },
 * });
 * ```
 *
 * @param tokens - Each token in the clear, or as `sha256:` and 64 hex digits.
 * @throws ConfigurationError for a token no header can carry, or a client that could never work.
 */
export function bearerTokens(tokens: Readonly<Record<string, Client>>): ClientLookup {
  const clients = new Map<string, Client>();
  for (const [token, client] of Object.entries(tokens)) {
    const digest = digestOf(token);
    if (clients.has(digest)) throw new ConfigurationError('A bearer token is listed twice.');
    compileClient(client);
    clients.set(digest, client);
  }
  if (clients.size === 0) throw new ConfigurationError('bearerTokens needs at least one token.');
  return (token) => clients.get(sha256(token));
}

function digestOf(token: string): string {
  const digest = /^sha256:(.*)$/s.exec(token)?.[1];
  if (digest !== undefined) {
    if (/^[0-9a-fA-F]{64}$/.test(digest)) return digest.toLowerCase();
    throw new ConfigurationError('A token given as sha256: must have 64 hex digits after it.');
  }
  // What an unset environment variable becomes as a key of an object.
  if (token === 'undefined' || token === 'null') {
    throw new ConfigurationError(`A bearer token is ${token}: is its variable set?`);
  }
  if (!/^[A-Za-z0-9\-._~+/]{1,4096}=*$/.test(token)) {
    throw new ConfigurationError(
      'A bearer token is made of letters, digits and -._~+/ (RFC 6750), and not empty.',
    );
  }
  return sha256(token);
}
