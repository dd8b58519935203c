import type { MappingSet } from '../mapping/types.ts';

/** Makes sure that the store has what mappings need, before they are in force. */
export type PrepareMappings = (mappings: MappingSet) => Promise<void>;

/** Mappings that change while a receiver runs: `watchMappings`, `mappingProvider`. */
export interface MappingSource {
  /** The event types of the host's own it compiles for. */
  readonly types: readonly string[];
  /** The mappings in force, where they are those of all clients. */
  readonly current: MappingSet | undefined;
  /** The mappings of a client; `undefined` where it has none. */
  find(clientId: string): Promise<MappingSet | null | undefined> | MappingSet | null | undefined;
  /**
   * Joins a receiver: what it hands over must succeed before newer mappings are in force; where it
   * fails, those that were in force stay so, and it is tried again.
   *
   * @returns Parts from it again.
   */
  attach(prepare: PrepareMappings): () => void;
}

/** The receivers that have joined a source. */
export class Attached {
  readonly #prepares = new Set<PrepareMappings>();

  attach(prepare: PrepareMappings): () => void {
    // One of its own, so that a receiver that joins twice parts twice.
    const own: PrepareMappings = (mappings) => prepare(mappings);
    this.#prepares.add(own);
    return () => {
      this.#prepares.delete(own);
    };
  }

  /** @throws what the first of them throws that fails. */
  async prepare(mappings: MappingSet): Promise<void> {
    await Promise.all([...this.#prepares].map((prepare) => prepare(mappings)));
  }
}

/** Tells the host of an error nobody waits for; the process warns where it does not listen. */
export function tell(onError: ((error: Error) => unknown) | undefined, error: unknown): void {
  const told = error instanceof Error ? error : new Error(String(error));
  notify(() => {
    if (onError !== undefined) return onError(told);
    process.emitWarning(told);
    return undefined;
  });
}

/** Calls a listener of the host's, whose own fault must not stop the watch. */
export function notify(listener: () => unknown): void {
  try {
    const heard = listener();
    if (heard instanceof Promise) heard.catch(() => undefined);
  } catch {
    // Nobody is left to tell.
  }
}
