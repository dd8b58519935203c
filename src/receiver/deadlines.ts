/** One of {@link Deadlines}. */
export interface Deadline {
  /** By the clock of `performance.now()`, in milliseconds. */
  readonly at: number;
  readonly onPassed: () => void;
}

/**
 * Deadlines that are all as long, under one timer: they pass in the order in which they began. A
 * timer for each would be set and cleared with every event, and fire with none.
 */
export class Deadlines {
  readonly #timeout: number;
  readonly #open = new Set<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param timeout - Milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  begin(onPassed: () => void): Deadline {
    const deadline = { at: performance.now() + this.#timeout, onPassed };
    this.#open.add(deadline);
    if (this.#timer === undefined) this.#wait(this.#timeout);
    return deadline;
  }

  /** Does nothing for one that has passed, or was ended before. */
  end(deadline: Deadline): void {
    this.#open.delete(deadline);
    if (this.#open.size > 0) return;
    // A timer that waits for nothing would keep the process alive.
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(timeout: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pass();
    }, timeout);
  }

  #pass(): void {
    const now = performance.now();
    for (const deadline of this.#open) {
      if (deadline.at > now) {
        this.#wait(deadline.at - now);
        return;
      }
      this.#open.delete(deadline);
      deadline.onPassed();
    }
  }
}
