import type { QueuedEvent } from '../../sender/outbox.ts';
import type { Arrival } from './jobs.ts';

interface Waiting extends Arrival {
  readonly resolve: (isQueued: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** So many events, and characters of bodies, are enqueued by one transaction. */
const MAX_BATCH = 500;
const MAX_LENGTH = 4 * 1_048_576;

/** Events that come while others are enqueued share the next transaction. */
export class Batches {
  readonly #enqueue: (batch: readonly Arrival[]) => Promise<readonly boolean[]>;
  #waiting: Waiting[] = [];

  constructor(enqueue: (batch: readonly Arrival[]) => Promise<readonly boolean[]>) {
    this.#enqueue = enqueue;
  }

  /** @returns Whether the event is queued: `false` where its id is queued with another body. */
  add(event: QueuedEvent, now: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, now, resolve, reject });
      if (this.#waiting.length === 1) void this.#run();
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      try {
        const verdicts = await this.#enqueue(batch);
        for (const [index, { resolve }] of batch.entries()) resolve(verdicts[index] === true);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      const done = new Set(batch);
      this.#waiting = this.#waiting.filter((waiting) => !done.has(waiting));
    }
  }

  /** Of an id that waits twice, the second waits on: it may have another body. */
  #next(): readonly Waiting[] {
    const batch = new Map<string, Waiting>();
    let length = 0;
    for (const waiting of this.#waiting) {
      const { eventId, body } = waiting.event;
      length += body.length;
      if (batch.size > 0 && (batch.size === MAX_BATCH || length > MAX_LENGTH)) break;
      if (!batch.has(eventId)) batch.set(eventId, waiting);
    }
    return [...batch.values()];
  }
}
