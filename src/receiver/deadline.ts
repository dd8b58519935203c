import { StorageError } from '../errors.ts';

/**
 * Gives work that has begun a deadline. What outlives it goes on unheard: the sender will send the event
 * again, and find it a duplicate if it was committed after all.
 *
 * @param what - Names the work in the error.
 * @param timeout - Milliseconds.
 * @param controller - Is aborted when the deadline passes.
 * @returns What the work gave, as it is where there is nothing to wait for: most look-ups are in
 *   memory, and a timer and a promise for each would cost more than they do.
 * @throws StorageError if the deadline passes; otherwise whatever the work is rejected with.
 */
export function withDeadline<T>(
  what: string,
  timeout: number,
  result: PromiseLike<T> | T,
  controller?: AbortController,
): Promise<T> | T {
  return isPending(result) ? heldTo(what, timeout, result, controller) : result;
}

function heldTo<T>(
  what: string,
  timeout: number,
  result: PromiseLike<T>,
  controller: AbortController | undefined,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      controller?.abort();
      reject(new StorageError(`${what} did not answer within ${String(timeout)} ms.`));
    }, timeout);
    result.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        // Whatever it is, it is handed on as it came.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(error);
      },
    );
  });
}

/** Whether there is something to wait for. Awaiting what is there would cost a turn of its own. */
export function isPending<T>(result: PromiseLike<T> | T): result is PromiseLike<T> {
  return typeof (result as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}
