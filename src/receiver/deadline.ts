import { StorageError } from '../errors.ts';

/**
 * Runs work under a deadline. What outlives it is told by the signal, and goes on unheard: the
 * sender will send the event again, and find it a duplicate if it was committed after all.
 *
 * @param what - Names the work in the error.
 * @param timeout - Milliseconds.
 * @throws StorageError if the deadline passes; otherwise whatever the work throws.
 */
export async function withDeadline<T>(
  what: string,
  timeout: number,
  work: (signal: AbortSignal) => Promise<T> | T,
): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(new StorageError(`${what} did not answer within ${String(timeout)} ms.`));
    }, timeout);
  });
  try {
    return await Promise.race([work(controller.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
