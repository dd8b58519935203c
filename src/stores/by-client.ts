/**
 * Things that clients have under keys of their own. A text made of both would have to be built and
 * hashed for every look-up.
 */
export class ByClient<T> {
  readonly #clients = new Map<string, Map<string, T>>();

  get(clientId: string, key: string): T | undefined {
    return this.#clients.get(clientId)?.get(key);
  }

  set(clientId: string, key: string, value: T): void {
    let own = this.#clients.get(clientId);
    if (own === undefined) {
      own = new Map();
      this.#clients.set(clientId, own);
    }
    own.set(key, value);
  }

  delete(clientId: string, key: string): void {
    this.#clients.get(clientId)?.delete(key);
  }

  /** All of them, by client and key. */
  list(): readonly T[] {
    return inOrder(this.#clients).flatMap(inOrder);
  }
}

function inOrder<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
