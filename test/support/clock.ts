import type { Clock } from '../../src/sender/clock.ts';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** Time that passes when it is told to. */
export class ManualClock implements Clock {
  #time: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(time: number = Date.parse('2025-03-02T10:30:45Z')) {
    this.#time = time;
  }

  now(): number {
    return this.#time;
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        until: this.#time + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      if (signal.aborted) sleeper.wake();
      else signal.addEventListener('abort', sleeper.wake);
    });
  }

  /** Goes to the end of the shortest sleep, and lets what it wakes do its work. */
  async next(): Promise<void> {
    const until = Math.min(...[...this.#sleepers].map((sleeper) => sleeper.until));
    if (until !== Infinity) await this.to(Math.max(until, this.#time));
  }

  async to(time: number): Promise<void> {
    this.#time = time;
    for (const sleeper of [...this.#sleepers]) if (sleeper.until <= time) sleeper.wake();
    await settled();
  }

  /** Lets time pass, sleep by sleep. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#time + milliseconds;
    for (;;) {
      await settled();
      const until = Math.min(...[...this.#sleepers].map((sleeper) => sleeper.until));
      if (until > end) break;
      await this.to(Math.max(until, this.#time));
    }
    await this.to(end);
  }
}

/** What settles without a clock has settled: longer than a dispatcher waits for company. */
async function settled(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 6));
  }
}
