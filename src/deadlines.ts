import { type Placed, Underway } from './underway.ts';

/** What is to end by a time. Both members but `onPassed` are the collection's own. */
export interface Timed extends Placed {
  /** By the clock of `performance.now()`, in milliseconds. */
  deadline: number;
  /** Called with itself where it has not ended by then; ends it. */
  onPassed(timed: Timed): void;
}

/**
 * Deadlines under one timer. One for each attempt or commit would be set and cleared with every event, and
 * fire with hardly any.
 */
export class Deadlines {
  readonly #open = new Underway<Timed>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires. */
  #wakesAt = Infinity;

  /** @param timeout - Milliseconds. */
  begin(timed: Timed, timeout: number): void {
    timed.deadline = performance.now() + timeout;
    this.#open.add(timed);
    if (timed.deadline < this.#wakesAt) this.#wake(timed.deadline, timeout);
  }

  /** To be called for each that was begun, also for one that has passed; does nothing the second time. */
  end(timed: Timed): void {
    this.#open.delete(timed);
    // A timer that waits for nothing would keep the process alive.
    if (this.#open.size > 0) return;
    clearTimeout(this.#timer);
    this.#wakesAt = Infinity;
  }

  #wake(at: number, timeout: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    this.#timer = setTimeout(() => {
      this.#pass();
    }, timeout);
  }

  #pass(): void {
    const now = performance.now();
    this.#wakesAt = Infinity;
    let next = Infinity;
    for (const timed of [...this.#open]) {
      if (timed.deadline > now) next = Math.min(next, timed.deadline);
      else timed.onPassed(timed);
    }
    if (next < this.#wakesAt) this.#wake(next, next - now);
  }
}
