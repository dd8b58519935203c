/** What waits in a {@link DueQueue}. All members are the queue's own. */
export interface Waiting {
  dueAt: number;
  turn: number;
  /** -1 where it does not wait. */
  place: number;
}

/**
 * What waits, by the time at which it is due, and then by the order in which it came: a binary heap. What
 * does not wait any more leaves it at once, from wherever it is.
 */
export class DueQueue<T extends Waiting> {
  readonly #items: T[] = [];
  #turns = 0;

  get first(): T | undefined {
    return this.#items[0];
  }

  /** Gives an item its turn, or another one, after those that are due at the same time. */
  put(item: T, dueAt: number): void {
    item.dueAt = dueAt;
    item.turn = this.#turns++;
    if (item.place === -1) item.place = this.#items.push(item) - 1;
    this.#move(item);
  }

  delete(item: T): void {
    if (item.place === -1) return;
    const last = this.#items.pop() as T;
    if (last !== item) {
      last.place = item.place;
      this.#move(last);
    }
    item.place = -1;
  }

  /** Moves an item to where it belongs, from where it says that it is. */
  #move(item: T): void {
    const items = this.#items;
    let { place } = item;
    for (let above = (place - 1) >> 1; place > 0; above = (place - 1) >> 1) {
      const parent = items[above] as T;
      if (isBefore(parent, item)) break;
      items[place] = parent;
      parent.place = place;
      place = above;
    }
    for (let below = 2 * place + 1; below < items.length; below = 2 * place + 1) {
      const right = items[below + 1];
      let child = items[below] as T;
      if (right !== undefined && isBefore(right, child)) child = right;
      if (isBefore(item, child)) break;
      const { place: freed } = child;
      items[place] = child;
      child.place = place;
      place = freed;
    }
    items[place] = item;
    item.place = place;
  }
}

function isBefore(one: Waiting, other: Waiting): boolean {
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.turn < other.turn);
}
