interface Link<T> {
  readonly id: string;
  readonly hash: number;
  readonly value: T;
  after: Link<T> | undefined;
}

const SMALLEST = 64;

/**
 * Values by id: a hash table of linked lists.
 *
 * No Map, because entries come and go with every event: it would be made anew again and again, and each
 * one that is given up points to the next, so that everything that was ever in them lives until V8's next
 * full collection.
 */
export class ById<T> implements Iterable<T> {
  #lists: (Link<T> | undefined)[] = listsOf(SMALLEST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): T | undefined {
    let link = this.#lists[this.#indexOf(hashOf(id))];
    while (link !== undefined && link.id !== id) link = link.after;
    return link?.value;
  }

  /** Of an id that is not in it. */
  add(id: string, value: T): void {
    if (this.#size === this.#lists.length) this.#grow();
    const hash = hashOf(id);
    this.#insert({ id, hash, value, after: undefined });
    this.#size++;
  }

  delete(id: string): void {
    const index = this.#indexOf(hashOf(id));
    let before: Link<T> | undefined;
    let link = this.#lists[index];
    for (; link !== undefined && link.id !== id; link = link.after) before = link;
    if (link === undefined) return;
    if (before === undefined) this.#lists[index] = link.after;
    else before.after = link.after;
    // Or else one that is old would keep those alive that came after it.
    link.after = undefined;
    this.#size--;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const first of this.#lists) {
      for (let link = first; link !== undefined; link = link.after) yield link.value;
    }
  }

  #indexOf(hash: number): number {
    return hash & (this.#lists.length - 1);
  }

  #insert(link: Link<T>): void {
    const index = this.#indexOf(link.hash);
    link.after = this.#lists[index];
    this.#lists[index] = link;
  }

  #grow(): void {
    const lists = this.#lists;
    this.#lists = listsOf(2 * lists.length);
    for (const first of lists) {
      for (let link = first; link !== undefined;) {
        const { after } = link;
        this.#insert(link);
        link = after;
      }
    }
  }
}

function listsOf<T>(size: number): (Link<T> | undefined)[] {
  return new Array<Link<T> | undefined>(size).fill(undefined);
}

function hashOf(id: string): number {
  let hash = 0;
  for (let index = 0; index < id.length; index++) hash = (hash * 31 + id.charCodeAt(index)) | 0;
  return hash;
}
