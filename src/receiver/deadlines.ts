/** One of {@link Deadlines}. */
export interface Deadline {
  /** By the clock of `performance.now()`, in milliseconds. */
  readonly at: number;
  readonly onPassed: () => void;
}

/** A deadline among those that are open. */
interface Link extends Deadline {
  before: Link | undefined;
  after: Link | undefined;
  isOpen: boolean;
}

/**
 * Deadlines that are all as long, under one timer: they pass in the order in which they began. A
 * timer for each would be set and cleared with every event, and fire with none.
 *
 * They are a list of links, and no Set: one that is added to and deleted from all the time is made
 * anew again and again, and each one that is given up points to the next, so that everything that
 * was ever in them lives until V8's next full collection.
 */
export class Deadlines {
  readonly #timeout: number;
  #first: Link | undefined;
  #last: Link | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param timeout - Milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  begin(onPassed: () => void): Deadline {
    const at = performance.now() + this.#timeout;
    const before = this.#last;
    const link: Link = { at, onPassed, before, after: undefined, isOpen: true };
    this.#last = link;
    if (before === undefined) this.#first = link;
    else before.after = link;
    if (this.#timer === undefined) this.#wait(this.#timeout);
    return link;
  }

  /** Does nothing for one that has passed, or was ended before. */
  end(deadline: Deadline): void {
    this.#remove(deadline as Link);
    if (this.#first !== undefined) return;
    // A timer that waits for nothing would keep the process alive.
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #remove(link: Link): void {
    if (!link.isOpen) return;
    const { before, after } = link;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    link.isOpen = false;
    // Or else one that is old would keep those alive that came after it.
    link.before = link.after = undefined;
  }

  #wait(timeout: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pass();
    }, timeout);
  }

  #pass(): void {
    const now = performance.now();
    for (let link = this.#first; link !== undefined; link = this.#first) {
      if (link.at > now) {
        this.#wait(link.at - now);
        return;
      }
      this.#remove(link);
      link.onPassed();
    }
  }
}
