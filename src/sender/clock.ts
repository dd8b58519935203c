/** Where a sender's time comes from, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after so many milliseconds, or at once when the signal says so; it never rejects. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The longest delay a timer of the platform takes; a longer one would end at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** The time of the machine. */
export const systemClock: Clock = {
  now: Date.now,
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(milliseconds, MAX_DELAY));
      if (signal.aborted) end();
      else signal.addEventListener('abort', end);
    }),
};
