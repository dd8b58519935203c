/** What can be under way. Both members are the collection's own. */
export interface Placed {
  place: number;
  /** Whoever waits for its end. */
  onEnd?: (() => void) | undefined;
}

/**
 * What is under way.
 *
 * An array that fills its own gaps. A Set or Map with much coming and going leaves a chain of outgrown
 * tables behind, and V8's young collections keep everything alive that was ever in one of them.
 */
export class Underway<T extends Placed> implements Iterable<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** Does nothing for what is not there any more. */
  delete(item: T): void {
    if (this.#items[item.place] !== item) return;
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[item.place] = last;
      last.place = item.place;
    }
    item.onEnd?.();
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}

/** Resolves once all that is under way now has ended; what comes later is not waited for. */
export async function ended(underway: Underway<Placed>): Promise<void> {
  await Promise.all(
    [...underway].map(
      (item) =>
        new Promise<void>((resolve) => {
          const { onEnd } = item;
          item.onEnd = () => {
            onEnd?.();
            resolve();
          };
        }),
    ),
  );
}
