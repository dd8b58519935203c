// As it was when this was loaded: one that a test has put in its place, and may never run, would hold up every
// request after it, too.
const { setImmediate } = globalThis;

let next: Promise<void> | undefined;
let isRunning = false;

/**
 * Resolves once the event loop has read what its sockets have at hand, for all who wait at the same time.
 *
 * What is done then, one request after another, finds its code in the processor's caches; done as each request
 * arrives, between reading one socket and the next, the same work takes up to twice as long.
 */
export function turn(): Promise<void> {
  return (next ??= new Promise((resolve) => {
    setImmediate(() => {
      next = undefined;
      isRunning = true;
      resolve();
      // Behind those who waited, and what they do at once.
      queueMicrotask(() => {
        process.nextTick(() => {
          isRunning = false;
        });
      });
    });
  }));
}

/** Does something once all that a turn was waited for with has been done, or else in the next one. */
export function afterTurn(work: () => void): void {
  if (isRunning) process.nextTick(work);
  else setImmediate(work);
}
