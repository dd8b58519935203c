import type { Secret } from '../signature.ts';

/** A value, or what is asked for it before every attempt: a renewed token takes effect by itself. */
export type Provided<T> = T | (() => T | Promise<T>);

/** Whose secret it is, in a warning. */
export const SECRET_OWNER = 'The shared secret of a sender';

/** What a request is signed and authorised with. */
export interface Credentials {
  readonly token: string;
  readonly secret: Secret;
}

/**
 * Asks whatever keeps the credentials for them, both at once.
 *
 * @param timeout - For how long it may take, in milliseconds: what keeps them may hang, and the attempt is
 *   not to hang with it.
 * @param signal - Ends it early.
 * @throws Whatever they are refused with, or an Error where they do not come in time.
 */
export function provideCredentials(
  { token, secret }: { readonly token: Provided<string>; readonly secret: Provided<Secret> },
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Credentials> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    };
    const giveUp = (): void => {
      end();
      reject(new Error('The credentials did not come in time.'));
    };
    const timer = setTimeout(giveUp, timeout);
    signal?.addEventListener('abort', giveUp);
    Promise.all([provide(token), provide(secret)])
      .finally(end)
      .then(([token, secret]) => {
        resolve({ token, secret });
      }, reject);
  });
}

/** Async, so that what is thrown at once is a rejection too. */
async function provide<T extends string | Uint8Array>(source: Provided<T>): Promise<T> {
  return typeof source === 'function' ? source() : source;
}
